/* Pairs of models and maps between them, for tests of what a growth keeps: models with weights in double precision,
 * run by the interpreter of graphs, and a plain application of a map to them. */
#ifndef TFX_TESTS_GROWTH_MAPS_H
#define TFX_TESTS_GROWTH_MAPS_H

#include "framework/model/axis_names.h"
#include "framework/model/build.h"
#include "framework/model/growth_map.h"
#include "framework/model/model_view.h"
#include "tests/graph/interpreter.h"
#include "tests/plan/stage_fixture.h"

enum { BATCH = 2, CONTEXT = 5 };

typedef struct modelled {
    tfx_model *m;
    lab l; /* its state and graph alone */
    tfx_value logits;
    tfx_model_view *view;
    double **weights; /* per parameter of the view */
} modelled;

static inline void modelled_open(modelled *s, const fixture *f, const char *model)
{
    tfx_error err = {0};
    *s = (modelled){0};
    const tfx_model_spec *spec = tfx_experiment_arm(f->experiment, model, &err)->model;
    s->m = tfx_model_create(f->registry, spec, &err);
    ck_assert_msg(s->m != NULL, "%s", err.text);
    uint32_t at = tfx_state_add(&s->l.state, TFX_STATE_INPUT, "/tokens", TFX_I32, 2, (int64_t[]){BATCH, CONTEXT});
    tfx_graph_init(&s->l.g, &s->l.state, &s->l.err);
    s->l.g.registry = f->registry;
    tfx_value tokens = tfx_emit_state(&s->l.g, at);
    s->logits = tfx_model_build(s->m, &s->l.g, tokens, 0);
    tfx_emit_cross_entropy(&s->l.g, s->logits, tokens);
    ck_assert_msg(s->l.err.status == TFX_OK, "%s", s->l.err.text);
    tfx_axes *axes = tfx_axes_create(&s->l.g);
    tfx_axes_name(axes, &s->l.state, s->m);
    s->view = tfx_model_view_create(axes, &s->l.state, s->m);
    s->weights = TFX_NEW_ARRAY(double *, s->view->n_params);
    for (uint32_t i = 0; i < s->view->n_params; i++)
        s->weights[i] = TFX_NEW_ARRAY(double, tfx_shape_elements(s->view->params[i]->n_dims, s->view->params[i]->dims));
    tfx_axes_destroy(axes);
}

static inline void modelled_close(modelled *s)
{
    for (uint32_t i = 0; i < s->view->n_params; i++)
        free(s->weights[i]);
    free(s->weights);
    tfx_model_view_destroy(s->view);
    tfx_graph_finish(&s->l.g);
    tfx_state_finish(&s->l.state);
    tfx_model_destroy(s->m);
}

static inline const tfx_state_tensor *tensor_of(const modelled *s, uint32_t param)
{
    return &s->l.state.tensors[tfx_state_find(&s->l.state, s->view->params[param]->path)];
}

/* Weights that nobody would start with, so that no two are alike by chance; tau is what its layer says. */
static inline void draw_weights(modelled *s, dice *d)
{
    for (uint32_t i = 0; i < s->view->n_params; i++) {
        const tfx_state_tensor *t = tensor_of(s, i);
        for (uint64_t e = 0; e < t->elements; e++)
            s->weights[i][e] = t->flags & TFX_PARAM_FIXED ? t->init.mean : dice_range(d, -1, 1);
    }
}

/* Logits [BATCH, CONTEXT, VOCAB] of tokens that are the same in every model; the caller frees them. */
static inline double *logits_of(modelled *s)
{
    interpreter it = {.l = &s->l};
    const tfx_graph *g = &s->l.g;
    it.data = TFX_NEW_ARRAY(double *, g->n_values);
    it.n_values = g->n_values;
    uint32_t end = g->values[s->logits].node;
    for (uint32_t i = 0; i <= end; i++) {
        const tfx_graph_node *n = &g->nodes[i];
        double *out = it.data[n->out] = TFX_NEW_ARRAY(double, shape_count(lab_shape(&s->l, n->out)));
        if (n->op == TFX_OP_INPUT)
            for (int k = 0; k < BATCH * CONTEXT; k++)
                out[k] = (k * 7 + k / 3) % VOCAB;
        else if (n->op != TFX_OP_PARAM)
            interpret_node(&it, n, out);
        for (uint32_t k = 0; n->op == TFX_OP_PARAM && k < s->view->n_params; k++)
            if (tensor_of(s, k) == &s->l.state.tensors[n->ints[0]])
                memcpy(out, s->weights[k], sizeof(*out) * tensor_of(s, k)->elements);
    }
    double *logits = it.data[s->logits];
    it.data[s->logits] = NULL;
    interpreter_finish(&it);
    return logits;
}

/* ---- a map applied, as its definition reads ---- */

/* The old element that a source gives at places at[] (one for each factor) from factor f on; *covered: it does. */
static inline double sourced(const tfx_map_source *s, uint32_t n_factors, uint32_t f, const int64_t *at,
                             const double *old, int64_t offset, int *covered)
{
    if (f == n_factors)
        return old[offset];
    const tfx_factor_map *m = &s->factors[f];
    int64_t index = m->index[at[f]];
    double scale = m->scale ? m->scale[at[f]] : 1, sum = 0;
    if (index == TFX_INDEX_NEW) {
        *covered = 0;
        return 0;
    }
    if (index != TFX_INDEX_MEAN)
        return scale * sourced(s, n_factors, f + 1, at, old, offset * m->n_old + index, covered);
    for (int64_t i = 0; i < m->n_old; i++)
        sum += sourced(s, n_factors, f + 1, at, old, offset * m->n_old + i, covered) / (double)m->n_old;
    return scale * sum;
}

static inline double filled(const tfx_map_param *m, const tfx_state_tensor *t, dice *d)
{
    double drawn = dice_range(d, -1, 1);
    switch (m->fill) {
    case TFX_FILL_ZERO: return 0;
    case TFX_FILL_NORMAL: return m->std * drawn;
    case TFX_FILL_INIT: break;
    }
    return t->init.mean + (t->init.kind == TFX_INIT_NORMAL ? t->init.std * drawn : 0);
}

static inline void apply_map(const tfx_growth_map *map, const modelled *from, modelled *to, dice *d)
{
    for (uint32_t i = 0; i < to->view->n_params; i++) {
        const tfx_model_param *p = to->view->params[i];
        const tfx_map_param *m = tfx_growth_map_param(map, i);
        for (uint64_t e = 0; e < tensor_of(to, i)->elements; e++) {
            int64_t at[2 * TFX_MAX_DIMS], rest = (int64_t)e;
            int covered_by_any = 0;
            double sum = 0;
            for (uint32_t f = p->n_factors; f-- > 0;) {
                int64_t size = to->view->classes[p->factors[f]->cls]->size;
                at[f] = rest % size;
                rest /= size;
            }
            for (uint32_t k = 0; k < m->n_sources; k++) {
                int covered = 1;
                double x = sourced(&m->sources[k], p->n_factors, 0, at, from->weights[m->sources[k].old], 0, &covered);
                sum += covered ? m->sources[k].weight * x : 0;
                covered_by_any |= covered;
            }
            to->weights[i][e] = covered_by_any ? sum : filled(m, tensor_of(to, i), d);
        }
    }
}

#endif
