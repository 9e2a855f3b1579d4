#include "framework/model/growth_apply.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/model/initialise.h"
#include "tfx/graph.h"

/* ---- one source ---- */

/* Goes through the elements that a source reaches, factor by factor, outermost first. */
typedef struct walk {
    const tfx_factor_map *factors;
    uint32_t n;
    int power;                            /* 0: scales of values; else of gradients, to that power */
    enum { CLEAR, SET, ADD, WEIGH } mode; /* WEIGH: ADD, of ones without scales */
    const float *old;
    float *data;
} walk;

static double scale_of(const walk *w, const tfx_factor_map *f, int64_t i)
{
    if (w->mode == WEIGH)
        return 1;
    if (!w->power)
        return f->scale ? f->scale[i] : 1;
    return f->gradient ? pow(f->gradient[i], w->power) : 1;
}

static void put(const walk *w, size_t at, size_t from, double scale)
{
    if (w->mode == CLEAR)
        w->data[at] = 0;
    else if (w->mode == WEIGH)
        w->data[at] += (float)scale;
    else if (w->mode == SET)
        w->data[at] = (float)(scale * (double)w->old[from]);
    else
        w->data[at] += (float)(scale * (double)w->old[from]);
}

static void go(const walk *w, uint32_t k, size_t at, size_t from, double scale)
{
    if (k == w->n) {
        put(w, at, from, scale);
        return;
    }
    const tfx_factor_map *f = &w->factors[k];
    at *= (size_t)f->n;
    from *= (size_t)f->n_old;
    for (int64_t i = 0; i < f->n; i++) {
        double s = scale * scale_of(w, f, i);
        if (f->index[i] >= 0) {
            if (k + 1 == w->n)
                put(w, at + (size_t)i, from + (size_t)f->index[i], s);
            else
                go(w, k + 1, at + (size_t)i, from + (size_t)f->index[i], s);
        } else if (f->index[i] == TFX_INDEX_MEAN) {
            int64_t times = w->mode == CLEAR || w->mode == WEIGH ? 1 : f->n_old;
            for (int64_t j = 0; j < times; j++)
                go(w, k + 1, at + (size_t)i, from + (size_t)j, s / (double)times);
        }
    }
}

static walk walk_of(const tfx_growth_map *m, uint32_t i, uint32_t source, int power, float *data)
{
    const tfx_map_source *s = &tfx_growth_map_param(m, i)->sources[source];
    return (walk){.factors = s->factors, .n = tfx_growth_map_to(m)->params[i]->n_factors, .power = power, .data = data};
}

static int has_mean(const walk *w)
{
    for (uint32_t k = 0; k < w->n; k++)
        for (int64_t i = 0; i < w->factors[k].n; i++)
            if (w->factors[k].index[i] == TFX_INDEX_MEAN)
                return 1;
    return 0;
}

/* All sources, over what is in `data` where there are none. */
static void combine(const tfx_growth_map *m, uint32_t i, const float *const *old, int power, float *data)
{
    const tfx_map_param *p = tfx_growth_map_param(m, i);
    walk first = p->n_sources ? walk_of(m, i, 0, power, data) : (walk){0};
    int plain = p->n_sources == 1 && !has_mean(&first);
    for (uint32_t s = 0; s < p->n_sources && !plain; s++) {
        walk w = walk_of(m, i, s, power, data);
        w.mode = CLEAR;
        go(&w, 0, 0, 0, 1);
    }
    for (uint32_t s = 0; s < p->n_sources; s++) {
        walk w = walk_of(m, i, s, power, data);
        w.mode = plain ? SET : ADD;
        w.old = old[s];
        go(&w, 0, 0, 0, power && p->n_sources == 1 ? 1 : p->sources[s].weight);
    }
}

/* ---- values ---- */

void tfx_growth_values(const tfx_growth_map *m, uint32_t i, const tfx_state_tensor *t, const float *const *old,
                       uint64_t seed, float *data)
{
    const tfx_map_param *p = tfx_growth_map_param(m, i);
    if (p->fill == TFX_FILL_INIT)
        tfx_param_initialise(t, seed, 0, t->elements, data);
    else if (p->fill == TFX_FILL_NORMAL)
        tfx_random_normal(seed, tfx_random_stream(t->name), 0, t->elements, 0, p->std, data);
    else
        memset(data, 0, sizeof(*data) * t->elements);
    combine(m, i, old, 0, data);
}

void tfx_growth_moments(const tfx_growth_map *m, uint32_t i, uint64_t elements, const float *const *old, int power,
                        float *data)
{
    const tfx_map_param *p = tfx_growth_map_param(m, i);
    memset(data, 0, sizeof(*data) * elements);
    combine(m, i, old, power, data);
    if (p->n_sources < 2)
        return;
    /* By how much weight each element was made. */
    float *total = TFX_NEW_ARRAY(float, elements);
    for (uint32_t s = 0; s < p->n_sources; s++) {
        walk w = walk_of(m, i, s, power, total);
        w.mode = WEIGH;
        go(&w, 0, 0, 0, p->sources[s].weight);
    }
    for (uint64_t k = 0; k < elements; k++)
        data[k] = total[k] != 0 ? data[k] / total[k] : 0;
    free(total);
}

/* ---- state per slice ---- */

/* The old slice that slice `at` of a source is, along the factors of one axis; -1: none. */
static int64_t slice_of(const tfx_map_source *s, const tfx_model_param *p, int axis, int64_t at)
{
    int64_t from = 0, unit = 1;
    for (uint32_t f = p->n_factors; f-- > 0;) {
        if ((int)p->factors[f]->axis != axis)
            continue;
        int64_t index = s->factors[f].index[at % s->factors[f].n];
        if (index == TFX_INDEX_NEW)
            return -1;
        from += unit * (index == TFX_INDEX_MEAN ? 0 : index);
        unit *= s->factors[f].n_old;
        at /= s->factors[f].n;
    }
    return from;
}

void tfx_growth_slices(const tfx_growth_map *m, uint32_t i, int axis, uint64_t n, const float *const *old,
                       const uint64_t *n_old, int repeat_last, float *data)
{
    const tfx_map_param *p = tfx_growth_map_param(m, i);
    for (uint64_t k = 0; k < n; k++) {
        int64_t at = -1;
        data[k] = repeat_last && p->n_sources ? old[0][n_old[0] - 1] : 0;
        for (uint32_t s = 0; s < p->n_sources && at < 0; s++) {
            at = slice_of(&p->sources[s], tfx_growth_map_to(m)->params[i], axis, (int64_t)k);
            assert(at < (int64_t)n_old[s]);
            if (at >= 0)
                data[k] = old[s][at];
        }
    }
}

/* ---- old places, and noise ---- */

void tfx_growth_places(const tfx_growth_map *m, uint32_t i, int axis, uint64_t n, float *places)
{
    const tfx_map_param *p = tfx_growth_map_param(m, i);
    const tfx_model_param *to = tfx_growth_map_to(m)->params[i];
    for (uint64_t k = 0; k < n; k++) {
        uint64_t at = k;
        int old = p->is_old;
        for (uint32_t f = to->n_factors; f-- > 0 && old;) {
            const tfx_factor_map *map = &p->sources[0].factors[f];
            if ((int)to->factors[f]->axis != axis)
                continue;
            old = map->index[at % (uint64_t)map->n] == (int64_t)(at % (uint64_t)map->n);
            at /= (uint64_t)map->n;
        }
        places[k] = (float)old;
    }
}

/* Per element what its noise is multiplied by: 0 where nothing has a source. */
static void noise_levels(const walk *w, uint32_t k, size_t at, int in_place, double copied, double old)
{
    if (k == w->n) {
        w->data[at] = (float)(in_place ? old : copied);
        return;
    }
    const tfx_factor_map *f = &w->factors[k];
    for (int64_t i = 0; i < f->n; i++)
        if (f->index[i] != TFX_INDEX_NEW)
            noise_levels(w, k + 1, at * (size_t)f->n + (size_t)i, in_place && f->index[i] == i, copied, old);
}

void tfx_growth_noise(const tfx_growth_map *m, uint32_t i, const float *const *old, double noise, double noise_old,
                      uint64_t seed, float *data)
{
    const tfx_map_param *p = tfx_growth_map_param(m, i);
    const tfx_model_param *to = tfx_growth_map_to(m)->params[i], *from;
    if (!p->n_sources || (noise == 0 && noise_old == 0) || to->flags & TFX_PARAM_FIXED)
        return;
    from = tfx_growth_map_from(m)->params[p->sources[0].old];
    uint64_t n = tfx_shape_elements(to->n_dims, to->dims), n_old = tfx_shape_elements(from->n_dims, from->dims);
    float *levels = TFX_NEW_ARRAY(float, n), *random = TFX_NEW_ARRAY(float, n);
    double squares = 0;
    for (uint64_t k = 0; k < n_old; k++)
        squares += (double)old[0][k] * (double)old[0][k];
    double rms = sqrt(squares / (double)n_old);
    for (uint32_t s = p->n_sources; s-- > 0;) { /* the first has the last word */
        walk w = walk_of(m, i, s, 0, levels);
        noise_levels(&w, 0, 0, s == 0 && p->is_old, noise * rms, noise_old * rms);
    }
    char *stream = tfx_printf("%s/noise", to->path);
    tfx_random_normal(seed, tfx_random_stream(stream), 0, n, 0, 1, random);
    for (uint64_t k = 0; k < n; k++)
        data[k] += levels[k] * random[k];
    free(stream);
    free(levels);
    free(random);
}

/* ---- what became of them ---- */

/* Whether all that source s does not reach is zero; *any: whether there is something. */
static int unreached_is_zero(const walk *w, uint32_t k, size_t at, int *any)
{
    if (k == w->n)
        return 1;
    const tfx_factor_map *f = &w->factors[k];
    size_t inner = 1;
    int zero = 1;
    for (uint32_t l = k + 1; l < w->n; l++)
        inner *= (size_t)w->factors[l].n;
    at *= (size_t)f->n;
    for (int64_t i = 0; i < f->n; i++) {
        if (f->index[i] != TFX_INDEX_NEW) {
            zero &= unreached_is_zero(w, k + 1, at + (size_t)i, any);
            continue;
        }
        *any = 1;
        for (size_t j = 0; j < inner && zero; j++)
            zero = w->data[(at + (size_t)i) * inner + j] == 0;
    }
    return zero;
}

static int all_zero(const float *data, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (data[i] != 0)
            return 0;
    return 1;
}

void tfx_growth_describe(const tfx_growth_map *m, uint32_t i, const float *const *old, const float *data,
                         tfx_text *json)
{
    const tfx_map_param *p = tfx_growth_map_param(m, i);
    const tfx_model_param *to = tfx_growth_map_to(m)->params[i];
    const tfx_model_param *const *sources = tfx_growth_map_from(m)->params;
    const tfx_model_param *from = p->n_sources ? sources[p->sources[0].old] : NULL;
    uint64_t n = tfx_shape_elements(to->n_dims, to->dims);
    int any = !from, same = p->n_sources == 1 && !strcmp(from->path, to->path);
    int zero = any ? all_zero(data, n) : 0;
    if (p->n_sources == 1) {
        walk w = walk_of(m, i, 0, 0, (float *)data);
        zero = unreached_is_zero(&w, 0, 0, &any);
    }
    if (same && !any && tfx_shape_elements(from->n_dims, from->dims) == n && !memcmp(old[0], data, sizeof(*data) * n))
        return;
    const char *rule = any                ? (zero ? "zero" : "nonzero")
                       : p->n_sources > 1 ? "combined"
                       : same             ? "rewritten"
                                          : "copied";
    char a[TFX_SHAPE_TEXT], b[TFX_SHAPE_TEXT];
    tfx_text_add(json, "%s{\"path\":\"%s\",\"from\":%s,\"to\":%s,\"rule\":\"%s\"", json->n > 1 ? "," : "", to->path,
                 from ? tfx_format_shape(a, from->n_dims, from->dims) : "null",
                 tfx_format_shape(b, to->n_dims, to->dims), rule);
    for (uint32_t s = 0; s < p->n_sources && !same; s++)
        tfx_text_add(json, "%s\"%s\"%s", s ? "," : ",\"sources\":[", sources[p->sources[s].old]->path,
                     s + 1 == p->n_sources ? "]" : "");
    tfx_text_add(json, "}");
}
