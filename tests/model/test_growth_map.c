/* Growth maps: what a map says once it is closed, what it refuses, and the values that come of it, against the formula
 * of tfx/growth.h written out element by element. */
#include <cjson/cJSON.h>

#include "framework/model/growth_apply.h"
#include "framework/plugin/calls/call.h"
#include "tests/check_main.h"
#include "tests/graph/lab.h"

/* ---- two models by hand ---- */

enum { MAX = 8 };

typedef struct hand {
    tfx_model_view view;
    tfx_model_class classes[MAX];
    tfx_model_param params[MAX];
    tfx_model_factor factors[MAX][4];
    const tfx_model_class *class_list[MAX];
    const tfx_model_param *param_list[MAX];
    const tfx_model_factor *factor_lists[MAX][4];
    int64_t dims[MAX][4];
} hand;

static uint32_t add_class(hand *h, const char *name, int64_t size)
{
    uint32_t at = h->view.n_classes++;
    h->classes[at] = (tfx_model_class){.struct_size = sizeof(tfx_model_class), .name = name, .size = size, .block = -1};
    h->class_list[at] = &h->classes[at];
    h->view.classes = h->class_list;
    return at;
}

/* A parameter with the factors {axis, class, roles}. */
static uint32_t add_param(hand *h, const char *path, uint32_t n_dims, uint32_t n_factors, const uint32_t factors[][3])
{
    uint32_t at = h->view.n_params++;
    for (uint32_t d = 0; d < n_dims; d++)
        h->dims[at][d] = 1;
    for (uint32_t f = 0; f < n_factors; f++) {
        h->factors[at][f] = (tfx_model_factor){sizeof(tfx_model_factor), factors[f][0], factors[f][1], factors[f][2]};
        h->factor_lists[at][f] = &h->factors[at][f];
        h->dims[at][factors[f][0]] *= h->classes[factors[f][1]].size;
    }
    const char *dot = strrchr(path, '.');
    h->params[at] = (tfx_model_param){.struct_size = sizeof(tfx_model_param),
                                      .path = path,
                                      .name = dot ? dot + 1 : path,
                                      .block = -1,
                                      .local = path,
                                      .n_dims = n_dims,
                                      .dims = h->dims[at],
                                      .n_factors = n_factors,
                                      .factors = h->factor_lists[at]};
    h->param_list[at] = &h->params[at];
    h->view.params = h->param_list;
    return at;
}

#define FACTORS(...) ((const uint32_t[][3]){__VA_ARGS__})

/* A "model" of one parameter w [hidden, heads * dim], a vector b [hidden] and a number. */
static void model(hand *h, int64_t hidden, int64_t heads, int64_t dim)
{
    *h = (hand){.view = {.struct_size = sizeof(tfx_model_view), .name = "m"}};
    uint32_t a = add_class(h, "hidden", hidden), b = add_class(h, "heads", heads), c = add_class(h, "dim", dim);
    add_param(h, "a.w", 2, 3, FACTORS({0, a, TFX_AXIS_PRODUCED}, {1, b, TFX_AXIS_CONSUMED}, {1, c, TFX_AXIS_CONSUMED}));
    add_param(h, "a.b", 1, 1, FACTORS({0, a, TFX_AXIS_PRODUCED}));
    add_param(h, "tau", 0, 0, NULL);
}

typedef struct maps {
    hand from, to;
    tfx_growth_map *map;
    tfx_growth *g;
    tfx_error err;
} maps;

static void open_map(maps *m)
{
    m->err = (tfx_error){0};
    m->map = tfx_growth_map_create(&m->from.view, &m->to.view, 1, 1);
    m->g = tfx_growth_map_open(m->map);
}

static void models(maps *m, int64_t hidden, int64_t heads, int64_t dim)
{
    model(&m->from, 3, 2, 2);
    model(&m->to, hidden, heads, dim);
    open_map(m);
}

static void close_map(maps *m)
{
    tfx_growth_map_close(m->map, &m->err);
    ck_assert_msg(m->err.status == TFX_OK, "%s", m->err.text);
}

/* What parameter i becomes, with its layer's initialisation at 99. */
static float *values(const maps *m, uint32_t i, const float *const *old)
{
    const tfx_model_param *p = &m->to.params[i];
    tfx_state_tensor t = {
        .kind = TFX_STATE_PARAM, .name = (char *)p->path, .n_dims = p->n_dims, .init = tfx_init_constant(99)};
    memcpy(t.dims, p->dims, sizeof(*p->dims) * p->n_dims);
    t.elements = tfx_shape_elements(t.n_dims, t.dims);
    float *data = malloc(sizeof(*data) * t.elements);
    tfx_growth_values(m->map, i, &t, old, 1, data);
    return data;
}

static void expect(const float *found, const float *expected, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(fabs((double)found[i] - (double)expected[i]) < 1e-6, "element %zu is %g, expected %g", i,
                      (double)found[i], (double)expected[i]);
}

static const float w[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}; /* [3, 2 * 2] */
static const float *const old_w[] = {w};

/* ---- values ---- */

START_TEST(the_plainest_map)
{
    maps m;
    models(&m, 4, 3, 2);
    ck_assert_int_eq(m.g->old_param(m.g, "a.b"), 1);
    ck_assert_int_eq(m.g->old_param(m.g, "a.c"), -1);
    ck_assert_int_eq(m.g->old_size(m.g, 0), 3);
    ck_assert_int_eq(m.g->old_size(m.g, 7), -1);
    close_map(&m);
    float *data = values(&m, 0, old_w);
    expect(data, (float[]){1, 2, 3, 4, 99, 99, 5, 6, 7, 8, 99, 99, 9, 10, 11, 12, 99, 99, 99, 99, 99, 99, 99, 99}, 24);
    free(data);
    tfx_growth_map_destroy(m.map);
    models(&m, 4, 2, 2);
    m.g->set_fill(m.g, 0, TFX_FILL_ZERO, 0);
    close_map(&m);
    data = values(&m, 0, old_w);
    expect(data, (float[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0}, 16);
    free(data);
    tfx_growth_map_destroy(m.map);
}
END_TEST

/* The inner factor of a product grows in every place of the outer one. */
START_TEST(inner_factor)
{
    maps m;
    models(&m, 3, 2, 3);
    close_map(&m);
    float *data = values(&m, 0, old_w);
    expect(data, (float[]){1, 2, 99, 3, 4, 99, 5, 6, 99, 7, 8, 99, 9, 10, 99, 11, 12, 99}, 18);
    free(data);
    tfx_growth_map_destroy(m.map);
}
END_TEST

START_TEST(mean_and_fill)
{
    maps m;
    models(&m, 4, 2, 2);
    m.g->set_class(m.g, 0, (int64_t[]){2, TFX_INDEX_MEAN, 0, TFX_INDEX_NEW}, NULL, NULL);
    m.g->set_fill(m.g, 0, TFX_FILL_NORMAL, 3);
    m.g->drop_sources(m.g, 2);
    m.g->add_source(m.g, 2, 2, 0.5, NULL);
    close_map(&m);
    float *data = values(&m, 0, old_w), four = 4;
    expect(data, (float[]){9, 10, 11, 12, 5, 6, 7, 8, 1, 2, 3, 4}, 12);
    ck_assert(data[12] != 0 && data[12] != 99 && fabs((double)data[12]) < 15);
    free(data);
    data = values(&m, 2, (const float *const[]){&four});
    ck_assert_float_eq(*data, 2);
    free(data);
    tfx_growth_map_destroy(m.map);
}
END_TEST

/* Random maps of several sources, against the formula. */
START_TEST(random_maps)
{
    dice d = {.seed = (uint64_t)_i + 1};
    maps m;
    int64_t n[3] = {3 + (int64_t)dice_below(&d, 4), 2 + (int64_t)dice_below(&d, 3), 2 + (int64_t)dice_below(&d, 2)};
    static const int64_t n_old[3] = {3, 2, 2};
    models(&m, n[0], n[1], n[2]);
    uint32_t count = 1 + (uint32_t)dice_below(&d, 3);
    int64_t index[3][3][8];
    double scale[3][3][8], gradient[3][3][8], weight[3];
    float old[3][12];
    const float *olds[3] = {old[0], old[1], old[2]};
    for (uint32_t s = 0; s < count; s++) {
        uint32_t at;
        weight[s] = dice_range(&d, 0.5, 2);
        ck_assert_int_eq(m.g->add_source(m.g, 0, 0, weight[s], &at), TFX_OK);
        ck_assert_uint_eq(at, s);
        for (int k = 0; k < 12; k++)
            old[s][k] = (float)dice_range(&d, -1, 1);
        for (uint32_t f = 0; f < 3; f++) {
            for (int64_t i = 0; i < n[f]; i++) {
                index[s][f][i] = (int64_t)dice_below(&d, (uint32_t)n_old[f] + 2) - 2;
                scale[s][f][i] = dice_range(&d, -2, 2);
                gradient[s][f][i] = dice_range(&d, 0.5, 2);
            }
            m.g->set_factor(m.g, 0, s, f, index[s][f], scale[s][f], gradient[s][f]);
        }
    }
    close_map(&m);
    float *data = values(&m, 0, olds), moments[3][8 * 8 * 8];
    for (int power = 1; power <= 2; power++)
        tfx_growth_moments(m.map, 0, (uint64_t)(n[0] * n[1] * n[2]), olds, power, moments[power]);
    int64_t at[3];
    size_t e = 0;
    for (at[0] = 0; at[0] < n[0]; at[0]++)
        for (at[1] = 0; at[1] < n[1]; at[1]++)
            for (at[2] = 0; at[2] < n[2]; at[2]++, e++) {
                double sum[3] = {0}, total = 0;
                for (uint32_t s = 0; s < count; s++) {
                    double value = 0, factor[3] = {1, 1, 1};
                    int64_t lo[3], hi[3];
                    int reached = 1;
                    for (int f = 0; f < 3; f++) {
                        int64_t from = index[s][f][at[f]];
                        reached &= from != TFX_INDEX_NEW;
                        lo[f] = from == TFX_INDEX_MEAN ? 0 : from;
                        hi[f] = from == TFX_INDEX_MEAN ? n_old[f] : from + 1;
                        factor[0] *= scale[s][f][at[f]];
                        factor[1] *= gradient[s][f][at[f]];
                        factor[2] *= gradient[s][f][at[f]] * gradient[s][f][at[f]];
                    }
                    if (!reached)
                        continue;
                    for (int64_t i = lo[0]; i < hi[0]; i++)
                        for (int64_t j = lo[1]; j < hi[1]; j++)
                            for (int64_t k = lo[2]; k < hi[2]; k++)
                                value += (double)old[s][(i * 2 + j) * 2 + k] /
                                         (double)((hi[0] - lo[0]) * (hi[1] - lo[1]) * (hi[2] - lo[2]));
                    total += weight[s];
                    for (int p = 0; p < 3; p++)
                        sum[p] += weight[s] * factor[p] * value;
                }
                double expected = total != 0 ? sum[0] : 99;
                ck_assert_msg(fabs((double)data[e] - expected) < 1e-5, "element %zu is %g, expected %g", e,
                              (double)data[e], expected);
                for (int p = 1; p < 3; p++) {
                    expected = total != 0 ? sum[p] / total : 0;
                    ck_assert_msg(fabs((double)moments[p][e] - expected) < 1e-5, "moment %d of %zu is %g, expected %g",
                                  p, e, (double)moments[p][e], expected);
                }
            }
    free(data);
    tfx_growth_map_destroy(m.map);
}
END_TEST

/* Copies whose consumers share the old weight: a weight that produces a copy gets the gradient times that share, and
 * one that consumes it the whole. */
START_TEST(gradients_of_copies)
{
    maps m;
    models(&m, 4, 3, 2);
    m.g->set_class(m.g, 0, (int64_t[]){0, 1, 2, 2}, NULL, (double[]){1, 1, 0.5, 0.5});
    m.g->set_class(m.g, 1, (int64_t[]){0, 1, 1}, NULL, (double[]){1, 0.25, 0.75});
    close_map(&m);
    const tfx_factor_map *f = tfx_growth_map_param(m.map, 0)->sources[0].factors;
    ck_assert(!f[0].scale && f[0].gradient[3] == 0.5);  /* produced */
    ck_assert(f[1].scale[2] == 0.75 && !f[1].gradient); /* consumed */
    float *data = values(&m, 0, old_w), moments[24];
    expect(data, (float[]){1, 2, 0.75f, 1, 2.25f, 3}, 6);
    tfx_growth_moments(m.map, 0, 24, old_w, 2, moments);
    expect(moments + 18, (float[]){9 / 4.0f, 10 / 4.0f, 11 / 4.0f, 12 / 4.0f, 11 / 4.0f, 12 / 4.0f}, 6);
    free(data);
    tfx_growth_map_destroy(m.map);
}
END_TEST

/* A model of one head has no factor for it; the names say which of the two there is, in another block too. */
START_TEST(factors_of_size_one)
{
    maps m;
    *(&m.from) = (hand){.view = {.struct_size = sizeof(tfx_model_view), .name = "m"}};
    add_param(&m.from, "blocks.1.w", 1, 1, FACTORS({0, add_class(&m.from, "blocks.1.dim", 2), TFX_AXIS_PRODUCED}));
    *(&m.to) = (hand){.view = {.struct_size = sizeof(tfx_model_view), .name = "m"}};
    uint32_t heads = add_class(&m.to, "blocks.0.heads", 2), dim = add_class(&m.to, "blocks.0.dim", 3);
    add_param(&m.to, "blocks.0.w", 1, 2, FACTORS({0, heads, TFX_AXIS_PRODUCED}, {0, dim, TFX_AXIS_PRODUCED}));
    open_map(&m);
    m.g->add_source(m.g, 0, 0, 1, NULL);
    close_map(&m);
    float *data = values(&m, 0, old_w);
    expect(data, (float[]){1, 2, 99, 99, 99, 99}, 6);
    free(data);
    tfx_growth_map_destroy(m.map);
}
END_TEST

START_TEST(state_per_slice)
{
    maps m;
    float counts[5];
    const float *const old[] = {(const float[]){7, 8, 9}};
    const uint64_t n[] = {3};
    models(&m, 5, 2, 2);
    close_map(&m);
    for (uint32_t i = 0; i < 2; i++) { /* a matrix and a vector */
        tfx_growth_slices(m.map, i, 0, 5, old, n, 0, counts);
        expect(counts, (float[]){7, 8, 9, 0, 0}, 5);
        tfx_growth_slices(m.map, i, 0, 5, old, n, 1, counts);
        expect(counts, (float[]){7, 8, 9, 9, 9}, 5);
    }
    tfx_growth_slices(m.map, 0, -1, 1, old, (uint64_t[]){1}, 0, counts); /* one for all */
    ck_assert_float_eq(counts[0], 7);
    tfx_growth_map_destroy(m.map);
    models(&m, 5, 2, 2);
    m.g->set_class(m.g, 0, (int64_t[]){2, 1, 0, TFX_INDEX_NEW, 2}, NULL, NULL);
    m.g->drop_sources(m.g, 1);
    m.g->add_source(m.g, 2, 2, 1, NULL);
    m.g->add_source(m.g, 1, 1, 1, NULL);
    close_map(&m);
    tfx_growth_slices(m.map, 0, 0, 5, old, n, 0, counts);
    expect(counts, (float[]){9, 8, 7, 0, 9}, 5);
    /* Along the product of heads and dimensions, which keep their places. */
    tfx_growth_slices(m.map, 0, 1, 4, (const float *const[]){w}, (uint64_t[]){4}, 0, counts);
    expect(counts, w, 4);
    tfx_growth_map_destroy(m.map);
}
END_TEST

START_TEST(description)
{
    static const struct {
        const char *rule, *sources;
    } expected[] = {{"zero", NULL}, {"rewritten", NULL}, {"copied", "a.w"}, {"combined", "a.w"}, {"nonzero", NULL}};
    maps m;
    model(&m.from, 3, 2, 2);
    model(&m.to, 4, 2, 2);
    for (int k = 0; k < 4; k++)
        add_param(&m.to, (const char *const[]){"same", "copy", "both", "new"}[k], 2, 3,
                  FACTORS({0, 0, TFX_AXIS_PRODUCED}, {1, 1, TFX_AXIS_CONSUMED}, {1, 2, TFX_AXIS_CONSUMED}));
    uint32_t s = add_param(&m.from, "same", 2, 3,
                           FACTORS({0, 0, TFX_AXIS_PRODUCED}, {1, 1, TFX_AXIS_CONSUMED}, {1, 2, TFX_AXIS_CONSUMED}));
    m.from.classes[0].size = m.from.dims[s][0] = m.from.dims[0][0] = m.from.dims[1][0] = 4;
    open_map(&m);
    m.g->drop_sources(m.g, 0);
    m.g->set_fill(m.g, 0, TFX_FILL_ZERO, 0);
    m.g->add_source(m.g, 4, 0, 1, NULL);
    m.g->add_source(m.g, 5, 0, 1, NULL);
    m.g->add_source(m.g, 5, 0, 1, NULL);
    m.g->set_class(m.g, 1, NULL, NULL, (double[]){2, 2});
    close_map(&m);
    static const float more[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    const float *const olds[] = {more, more};
    tfx_text json = {0};
    tfx_text_add(&json, "[");
    for (uint32_t i = 0; i < 7; i++) {
        if (i == 2) /* the number is as it was: nothing to say */
            tfx_growth_describe(m.map, i, olds, more, &json);
        if (i == 1 || i == 2)
            continue;
        float *data = values(&m, i, olds);
        tfx_growth_describe(m.map, i, olds, data, &json);
        free(data);
    }
    tfx_text_add(&json, "]");
    cJSON *o = cJSON_Parse(json.s);
    ck_assert_msg(o && cJSON_GetArraySize(o) == 5, "%s", json.s);
    for (int i = 0; i < 5; i++) {
        const cJSON *c = cJSON_GetArrayItem(o, i), *sources = cJSON_GetObjectItem(c, "sources");
        ck_assert_str_eq(cJSON_GetObjectItem(c, "rule")->valuestring, expected[i].rule);
        ck_assert_int_eq(sources != NULL, expected[i].sources != NULL);
        if (sources)
            ck_assert_str_eq(cJSON_GetArrayItem(sources, 0)->valuestring, expected[i].sources);
        ck_assert_int_eq(cJSON_IsNull(cJSON_GetObjectItem(c, "from")), i == 0 || i == 4);
    }
    cJSON_Delete(o);
    tfx_text_free(&json);
    tfx_growth_map_destroy(m.map);
}
END_TEST

/* ---- what is refused ---- */

/* The message of a call comes through the host, as a plugin's own would. */
#define REFUSED(call, says) \
    do { \
        tfx_call c; \
        tfx_error err = {0}; \
        tfx_call_begin(&c, TFX_KIND_OPERATOR, NULL, "map", NULL); \
        ck_assert_int_eq(tfx_call_end(&c, call, "", &err), TFX_E_INVALID); \
        ERROR_SAYS(&err, says); \
    } while (0)

START_TEST(calls_that_are_refused)
{
    maps m;
    models(&m, 4, 2, 2);
    REFUSED(m.g->set_class(m.g, 3, NULL, NULL, NULL), "class 3; the grown model has 3");
    REFUSED(m.g->set_class(m.g, 0, (int64_t[]){0, 1, 2, -3}, NULL, NULL),
            "the map of hidden: entry 3 of the index is -3");
    REFUSED(m.g->set_class(m.g, 0, NULL, (double[]){0, NAN, 1, 1}, NULL), "the scale of element 1 is not finite");
    REFUSED(m.g->add_source(m.g, 9, 0, 1, NULL), "parameter 9");
    REFUSED(m.g->add_source(m.g, 0, 9, 1, NULL), "parameter 9");
    REFUSED(m.g->add_source(m.g, 0, 0, INFINITY, NULL), "the weight of source a.w is not finite");
    REFUSED(m.g->set_factor(m.g, 0, 1, 0, NULL, NULL, NULL), "no source 1");
    REFUSED(m.g->set_factor(m.g, 0, 0, 3, NULL, NULL, NULL), "no factor 3");
    REFUSED(m.g->set_fill(m.g, 0, (tfx_fill)7, 0), "unknown fill 7");
    REFUSED(m.g->set_fill(m.g, 0, TFX_FILL_NORMAL, -1), "deviation -1");
    REFUSED(m.g->drop_sources(m.g, 3), "parameter 3");
    close_map(&m);
    tfx_growth_map_destroy(m.map);
}
END_TEST

/* What the first element of w is multiplied by. */
static tfx_status prove(void *asked, const tfx_growth_map *m, double *factor, char **why, tfx_error *err)
{
    (void)err;
    ++*(int *)asked;
    const tfx_factor_map *f = tfx_growth_map_param(m, 0)->sources[0].factors;
    *factor = f->scale ? f->scale[0] : 1;
    *why = tfx_strdup("because");
    return TFX_OK;
}

/* An operator can ask, change the map, and ask again. */
START_TEST(the_factor_of_logits)
{
    maps m;
    int asked = 0;
    double factor;
    const char *why;
    models(&m, 4, 2, 2);
    ck_assert(m.g->logit_factor(m.g, &factor, &why) == TFX_OK && factor == 0 && why);
    tfx_growth_map_set_prover(m.map, prove, &asked);
    ck_assert(m.g->logit_factor(m.g, &factor, &why) == TFX_OK && factor == 1 && !strcmp(why, "because"));
    m.g->set_class(m.g, 0, (int64_t[]){2, 1, 0, 2}, (double[]){3, 1, 1, 1}, NULL);
    ck_assert(m.g->logit_factor(m.g, &factor, &why) == TFX_OK && factor == 3);
    m.g->set_class(m.g, 0, (int64_t[]){2, 1, 0, 3}, NULL, NULL);
    REFUSED(m.g->logit_factor(m.g, &factor, &why), "the map of a.w: entry 3 of the index of hidden is 3");
    m.g->set_class(m.g, 0, (int64_t[]){2, 1, 0, 0}, NULL, NULL);
    close_map(&m);
    ck_assert(asked == 2 && tfx_growth_map_param(m.map, 0)->sources[0].factors[0].index[3] == 0);
    tfx_growth_map_destroy(m.map);
}
END_TEST

static void closes_with(maps *m, const char *says)
{
    tfx_growth_map_close(m->map, &m->err);
    ERROR_SAYS(&m->err, says);
    tfx_growth_map_destroy(m->map);
}

START_TEST(maps_that_are_refused)
{
    maps m;
    models(&m, 2, 2, 2);
    closes_with(&m, "hidden is 3 and would be 2; without an index array for it, it can only become more");
    models(&m, 2, 2, 2);
    m.g->set_class(m.g, 0, (int64_t[]){2, 1}, NULL, NULL);
    close_map(&m); /* with one, it can become less */
    tfx_growth_map_destroy(m.map);
    models(&m, 4, 2, 2);
    m.to.classes[0].rigid = "it is a dimension of the input";
    closes_with(&m, "hidden is 3 and would be 4, but it cannot change: it is a dimension of the input");
    models(&m, 4, 2, 2);
    m.g->set_class(m.g, 0, (int64_t[]){0, 1, 2, 3}, NULL, NULL);
    closes_with(&m, "the map of a.w: entry 3 of the index of hidden is 3; expected an element of a.w, 0 to 2");
    models(&m, 4, 2, 2);
    m.g->add_source(m.g, 0, 1, 1, NULL);
    closes_with(&m, "parameter a.w cannot come from a.b: they do not have the same dimensions");
    models(&m, 4, 2, 2);
    m.g->drop_sources(m.g, 1);
    closes_with(&m, "parameter a.b would be lost");
    models(&m, 4, 2, 2);
    m.to.params[1].flags = TFX_PARAM_FIXED;
    closes_with(&m, "parameter a.b would come from a.b, but is trained in one and fixed in the other");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("model/growth_map");
    TCase *c = tcase_create("growth map");
    tcase_add_test(c, the_plainest_map);
    tcase_add_test(c, inner_factor);
    tcase_add_test(c, mean_and_fill);
    tcase_add_loop_test(c, random_maps, 0, 200);
    tcase_add_test(c, gradients_of_copies);
    tcase_add_test(c, factors_of_size_one);
    tcase_add_test(c, state_per_slice);
    tcase_add_test(c, description);
    tcase_add_test(c, calls_that_are_refused);
    tcase_add_test(c, the_factor_of_logits);
    tcase_add_test(c, maps_that_are_refused);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
