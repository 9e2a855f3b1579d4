#include "framework/model/growth_map.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/name_table.h"
#include "framework/model/model_view.h"
#include "framework/plugin/host.h"
#include "tfx/graph.h"

/* What was said of a whole class; each NULL: nothing. */
typedef struct class_map {
    int64_t n_old; /* -1: no parameter of it has a counterpart */
    int64_t *index;
    double *produced, *consumed;
} class_map;

struct tfx_growth_map {
    tfx_growth g; /* first: what the operator holds is the map itself */
    tfx_map_param *params;
    class_map *classes;
    tfx_name_table old_params;
    void **arrays; /* of factors, owned here */
    size_t n_arrays, cap_arrays;
    tfx_growth_prover prove; /* NULL: nobody knows */
    void *prove_data;
    char *why; /* of the last proof */
};

static tfx_growth_map *map_of(const tfx_growth *g)
{
    return (tfx_growth_map *)g;
}

static void *copy_of(const void *data, size_t bytes)
{
    if (!data)
        return NULL;
    void *copy = tfx_alloc(bytes);
    memcpy(copy, data, bytes);
    return copy;
}

/* ---- what an operator calls ---- */

/* The message that an operator gets when it asks for something impossible. */
#define REFUSE(...) tfx_host_table()->fail(tfx_host_table(), TFX_E_INVALID, __VA_ARGS__)

static int64_t old_param(const tfx_growth *g, const char *path)
{
    uint32_t at = path ? tfx_name_table_find(&map_of(g)->old_params, path) : TFX_NAME_NONE;
    return at == TFX_NAME_NONE ? -1 : (int64_t)at;
}

static int64_t old_in_block(const tfx_growth *g, int64_t block, const char *local)
{
    char *path = tfx_printf("blocks.%" PRId64 ".%s", block, local ? local : "");
    int64_t at = old_param(g, path);
    free(path);
    return at;
}

static int64_t old_size(const tfx_growth *g, uint32_t cls)
{
    return cls < g->to->n_classes ? map_of(g)->classes[cls].n_old : -1;
}

static tfx_status check_param(const tfx_growth_map *m, uint32_t param)
{
    if (param < m->g.to->n_params)
        return TFX_OK;
    return REFUSE("the map is about parameter %" PRIu32 "; the grown model has %" PRIu32, param, m->g.to->n_params);
}

/* Numbers must be finite, and an index at least TFX_INDEX_MEAN; what it may be at most depends on the source. */
static tfx_status check_arrays(const char *what, int64_t n, const int64_t *index, const double *a, const double *b)
{
    for (int64_t i = 0; i < n; i++) {
        if (index && index[i] < TFX_INDEX_MEAN)
            return REFUSE("the map of %s: entry %" PRId64 " of the index is %" PRId64, what, i, index[i]);
        if ((a && !isfinite(a[i])) || (b && !isfinite(b[i])))
            return REFUSE("the map of %s: the scale of element %" PRId64 " is not finite", what, i);
    }
    return TFX_OK;
}

static tfx_status set_class(tfx_growth *g, uint32_t cls, const int64_t *index, const double *produced,
                            const double *consumed)
{
    tfx_growth_map *m = map_of(g);
    if (cls >= g->to->n_classes)
        return REFUSE("the map is about class %" PRIu32 "; the grown model has %" PRIu32, cls, g->to->n_classes);
    const tfx_model_class *c = g->to->classes[cls];
    tfx_status status = check_arrays(c->name, c->size, index, produced, consumed);
    if (status != TFX_OK)
        return status;
    class_map *to = &m->classes[cls];
    free(to->index);
    free(to->produced);
    free(to->consumed);
    *to = (class_map){.n_old = to->n_old,
                      .index = copy_of(index, sizeof(*index) * (size_t)c->size),
                      .produced = copy_of(produced, sizeof(*produced) * (size_t)c->size),
                      .consumed = copy_of(consumed, sizeof(*consumed) * (size_t)c->size)};
    return TFX_OK;
}

static void *keep(tfx_growth_map *m, void *array)
{
    *TFX_APPEND(m->arrays, m->n_arrays, m->cap_arrays) = array;
    return array;
}

static void forget_sources(tfx_growth_map *m, uint32_t param)
{
    tfx_map_param *p = &m->params[param];
    for (uint32_t i = 0; i < p->n_sources; i++) {
        free(p->sources[i].factors);
        free(p->sources[i].said);
    }
    p->n_sources = 0;
    p->is_default = 0;
}

/* Of two blocks' classes: whether they are called the same there. */
static int same_local_name(const tfx_model_class *a, const tfx_model_class *b)
{
    const char *x, *y;
    tfx_path_block(a->name, &x);
    tfx_path_block(b->name, &y);
    return !strcmp(x, y);
}

/* The sizes that the factors of p have in q. Where q has an axis of fewer factors, the others are of size 1 there (a
 * model of one head), and names tell which. 0: p cannot come from q. */
static int pair_factors(const tfx_growth_map *m, const tfx_model_param *p, const tfx_model_param *q,
                        tfx_factor_map *factors)
{
    const tfx_model_view *from = m->g.from, *to = m->g.to;
    int fits = p->n_dims == q->n_dims;
    for (uint32_t axis = 0, i = 0, k = 0; fits && axis < p->n_dims; axis++) {
        uint32_t i_end = i, k_end = k;
        while (i_end < p->n_factors && p->factors[i_end]->axis == axis)
            i_end++;
        while (k_end < q->n_factors && q->factors[k_end]->axis == axis)
            k_end++;
        int same = i_end - i == k_end - k;
        for (; i < i_end; i++) {
            const tfx_model_class *old = k < k_end ? from->classes[q->factors[k]->cls] : NULL;
            int is_it = old && (same || same_local_name(to->classes[p->factors[i]->cls], old));
            factors[i].n = to->classes[p->factors[i]->cls]->size;
            factors[i].n_old = is_it ? old->size : 1;
            k += is_it;
        }
        fits = k == k_end;
    }
    return fits;
}

static void push_source(tfx_growth_map *m, uint32_t param, uint32_t old, double weight)
{
    tfx_map_param *p = &m->params[param];
    const tfx_model_param *to = m->g.to->params[param];
    tfx_map_source *s = TFX_APPEND(p->sources, p->n_sources, p->cap_sources);
    *s = (tfx_map_source){.old = old,
                          .weight = weight,
                          .factors = TFX_NEW_ARRAY(tfx_factor_map, to->n_factors),
                          .said = TFX_NEW_ARRAY(tfx_factor_map, to->n_factors)};
    s->fits = pair_factors(m, to, m->g.from->params[old], s->said);
}

static tfx_status add_source(tfx_growth *g, uint32_t param, uint32_t old, double weight, uint32_t *source)
{
    tfx_growth_map *m = map_of(g);
    tfx_status status = check_param(m, param);
    if (status != TFX_OK)
        return status;
    tfx_map_param *p = &m->params[param];
    if (old >= g->from->n_params)
        return REFUSE("the map of %s: its source is parameter %" PRIu32 "; the old model has %" PRIu32,
                      g->to->params[param]->path, old, g->from->n_params);
    if (!isfinite(weight))
        return REFUSE("the map of %s: the weight of source %s is not finite", g->to->params[param]->path,
                      g->from->params[old]->path);
    if (p->is_default)
        forget_sources(m, param);
    if (source)
        *source = p->n_sources;
    push_source(m, param, old, weight);
    return TFX_OK;
}

static tfx_status drop_sources(tfx_growth *g, uint32_t param)
{
    tfx_growth_map *m = map_of(g);
    tfx_status status = check_param(m, param);
    if (status == TFX_OK)
        forget_sources(m, param);
    return status;
}

static tfx_status set_factor(tfx_growth *g, uint32_t param, uint32_t source, uint32_t factor, const int64_t *index,
                             const double *scale, const double *gradient)
{
    tfx_growth_map *m = map_of(g);
    tfx_status status = check_param(m, param);
    if (status != TFX_OK)
        return status;
    const tfx_model_param *p = g->to->params[param];
    if (source >= m->params[param].n_sources)
        return REFUSE("the map of %s: there is no source %" PRIu32 "; it has %" PRIu32, p->path, source,
                      m->params[param].n_sources);
    if (factor >= p->n_factors)
        return REFUSE("the map of %s: there is no factor %" PRIu32 "; it has %" PRIu32, p->path, factor, p->n_factors);
    int64_t n = g->to->classes[p->factors[factor]->cls]->size;
    status = check_arrays(p->path, n, index, scale, gradient);
    if (status != TFX_OK)
        return status;
    size_t bytes = sizeof(double) * (size_t)n;
    tfx_factor_map *own = &m->params[param].sources[source].said[factor];
    own->index = index ? keep(m, copy_of(index, bytes)) : own->index;
    own->scale = scale ? keep(m, copy_of(scale, bytes)) : own->scale;
    own->gradient = gradient ? keep(m, copy_of(gradient, bytes)) : own->gradient;
    return TFX_OK;
}

static tfx_status set_fill(tfx_growth *g, uint32_t param, tfx_fill fill, double std)
{
    tfx_growth_map *m = map_of(g);
    tfx_status status = check_param(m, param);
    if (status != TFX_OK)
        return status;
    if ((fill != TFX_FILL_INIT && fill != TFX_FILL_ZERO && fill != TFX_FILL_NORMAL) || !(std >= 0) || !isfinite(std))
        return REFUSE("the map of %s: unknown fill %d with standard deviation %g", g->to->params[param]->path,
                      (int)fill, std);
    m->params[param].fill = fill;
    m->params[param].std = std;
    return TFX_OK;
}

static tfx_status logit_factor(tfx_growth *g, double *factor, const char **why)
{
    tfx_growth_map *m = map_of(g);
    tfx_error err = {0};
    free(m->why);
    m->why = NULL;
    *factor = 0;
    if (m->prove && tfx_growth_map_close(m, &err) == TFX_OK)
        m->prove(m->prove_data, m, factor, &m->why, &err);
    *why = m->why ? m->why : "nothing is known of the models";
    return err.status == TFX_OK ? TFX_OK : REFUSE("%s", err.text);
}

/* ---- making one ---- */

tfx_growth_map *tfx_growth_map_create(const tfx_model_view *from, const tfx_model_view *to, uint32_t event,
                                      uint64_t seed)
{
    tfx_growth_map *m = TFX_NEW(tfx_growth_map);
    m->g = (tfx_growth){.struct_size = sizeof(m->g),
                        .event = event,
                        .from = from,
                        .to = to,
                        .seed = seed,
                        .old_param = old_param,
                        .old_in_block = old_in_block,
                        .old_size = old_size,
                        .set_class = set_class,
                        .add_source = add_source,
                        .drop_sources = drop_sources,
                        .set_factor = set_factor,
                        .set_fill = set_fill,
                        .logit_factor = logit_factor};
    m->params = TFX_NEW_ARRAY(tfx_map_param, to->n_params);
    m->classes = TFX_NEW_ARRAY(class_map, to->n_classes);
    for (uint32_t i = 0; i < from->n_params; i++)
        tfx_name_table_add(&m->old_params, from->params[i]->path, i);
    for (uint32_t i = 0; i < to->n_classes; i++)
        m->classes[i].n_old = -1;
    for (uint32_t i = 0; i < to->n_params; i++) {
        int64_t old = old_param(&m->g, to->params[i]->path);
        if (old >= 0)
            push_source(m, i, (uint32_t)old, 1);
        m->params[i].is_default = old >= 0;
        for (uint32_t f = 0; old >= 0 && f < to->params[i]->n_factors; f++)
            if (m->classes[to->params[i]->factors[f]->cls].n_old < 0)
                m->classes[to->params[i]->factors[f]->cls].n_old = m->params[i].sources->said[f].n_old;
    }
    return m;
}

tfx_growth *tfx_growth_map_open(tfx_growth_map *m)
{
    return &m->g;
}

void tfx_growth_map_set_prover(tfx_growth_map *m, tfx_growth_prover prove, void *data)
{
    m->prove = prove;
    m->prove_data = data;
}

void tfx_growth_map_destroy(tfx_growth_map *m)
{
    if (!m)
        return;
    for (uint32_t i = 0; i < m->g.to->n_params; i++) {
        forget_sources(m, i);
        free(m->params[i].sources);
    }
    for (uint32_t i = 0; i < m->g.to->n_classes; i++) {
        free(m->classes[i].index);
        free(m->classes[i].produced);
        free(m->classes[i].consumed);
    }
    for (size_t i = 0; i < m->n_arrays; i++)
        free(m->arrays[i]);
    tfx_name_table_finish(&m->old_params);
    free(m->why);
    free(m->arrays);
    free(m->classes);
    free(m->params);
    free(m);
}

/* ---- what it says in the end ---- */

/* Old elements in their places, the others new. */
static const int64_t *in_place(tfx_growth_map *m, int64_t n, int64_t n_old)
{
    int64_t *index = keep(m, tfx_alloc(sizeof(*index) * (size_t)n));
    for (int64_t i = 0; i < n; i++)
        index[i] = i < n_old ? i : TFX_INDEX_NEW;
    return index;
}

/* Completes what was said of factor f of a source alone by what holds for the class. */
static tfx_status close_factor(tfx_growth_map *m, const tfx_model_param *p, const tfx_map_source *s, uint32_t f,
                               tfx_error *err)
{
    const tfx_model_class *cls = m->g.to->classes[p->factors[f]->cls];
    const class_map *said = &m->classes[p->factors[f]->cls];
    int produced = (p->factors[f]->roles & TFX_AXIS_PRODUCED) != 0;
    tfx_factor_map *to = &s->factors[f];
    *to = s->said[f];
    to->index = to->index ? to->index : said->index;
    to->scale = to->scale ? to->scale : produced ? said->produced : said->consumed;
    to->gradient = to->gradient ? to->gradient : produced ? said->consumed : said->produced;
    if (cls->rigid && to->n_old != to->n)
        return tfx_fail(err, TFX_E_INVALID, "%s is %" PRId64 " and would be %" PRId64 ", but it cannot change: %s",
                        cls->name, to->n_old, to->n, cls->rigid);
    if (!to->index && to->n_old > to->n)
        return tfx_fail(err, TFX_E_INVALID,
                        "%s is %" PRId64 " and would be %" PRId64
                        "; without an index array for it, it can only become more",
                        cls->name, to->n_old, to->n);
    if (!to->index)
        to->index = in_place(m, to->n, to->n_old);
    for (int64_t i = 0; i < to->n; i++)
        if (to->index[i] >= to->n_old)
            return tfx_fail(err, TFX_E_INVALID,
                            "the map of %s: entry %" PRId64 " of the index of %s is %" PRId64
                            "; expected an element of %s, 0 to %" PRId64,
                            p->path, i, cls->name, to->index[i], m->g.from->params[s->old]->path, to->n_old - 1);
    return TFX_OK;
}

static tfx_status close_param(tfx_growth_map *m, uint32_t param, tfx_error *err)
{
    const tfx_model_param *p = m->g.to->params[param];
    for (uint32_t i = 0; i < m->params[param].n_sources; i++) {
        const tfx_map_source *s = &m->params[param].sources[i];
        const tfx_model_param *q = m->g.from->params[s->old];
        if ((p->flags ^ q->flags) & TFX_PARAM_FIXED)
            return tfx_fail(err, TFX_E_INVALID,
                            "parameter %s would come from %s, but is trained in one and fixed in the other", p->path,
                            q->path);
        if (!s->fits)
            return tfx_fail(err, TFX_E_INVALID,
                            "parameter %s cannot come from %s: they do not have the same dimensions (see `tfx plan "
                            "--axes`)",
                            p->path, q->path);
        for (uint32_t f = 0; f < p->n_factors; f++)
            if (close_factor(m, p, s, f, err) != TFX_OK)
                return err->status;
    }
    return TFX_OK;
}

tfx_status tfx_growth_map_close(tfx_growth_map *m, tfx_error *err)
{
    const tfx_model_view *from = m->g.from, *to = m->g.to;
    char *used = TFX_NEW_ARRAY(char, from->n_params);
    for (uint32_t i = 0; i < to->n_params && err->status == TFX_OK; i++) {
        close_param(m, i, err);
        for (uint32_t k = 0; k < m->params[i].n_sources; k++)
            used[m->params[i].sources[k].old] = 1;
    }
    for (uint32_t i = 0; i < from->n_params && err->status == TFX_OK; i++)
        if (!used[i])
            tfx_fail(err, TFX_E_INVALID, "parameter %s would be lost", from->params[i]->path);
    if (err->status == TFX_OK)
        tfx_map_params_tell_old(from, to, m->params);
    free(used);
    return err->status;
}

const tfx_model_view *tfx_growth_map_from(const tfx_growth_map *m)
{
    return m->g.from;
}

const tfx_model_view *tfx_growth_map_to(const tfx_growth_map *m)
{
    return m->g.to;
}

const tfx_map_param *tfx_growth_map_param(const tfx_growth_map *m, uint32_t i)
{
    return &m->params[i];
}
