#include "framework/plan/mup.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/model/build.h"
#include "framework/plan/axes.h"
#include "tfx/optimizer.h"

typedef struct scaling {
    const tfx_train_config *train;
    tfx_model *model; /* the base */
    tfx_state_layout base;
    tfx_graph base_graph;
    tfx_step_length step;
    tfx_error *err;
} scaling;

/* The parameters that the base model has. */
static void declare_base(scaling *c, const tfx_registry *registry)
{
    tfx_graph *g = &c->base_graph;
    tfx_graph_init(g, &c->base, c->err);
    g->registry = registry;
    c->model = tfx_model_create(registry, c->train->mup_base, c->err);
    if (!c->model)
        return;
    int64_t dims[2] = {1, c->model->context};
    uint32_t tokens = tfx_state_add(&c->base, TFX_STATE_INPUT, "/tokens", TFX_I32, 2, dims);
    tfx_model_build(c->model, g, tfx_emit_state(g, tokens), 0);
}

/* The base's parameter in the place of that one: a deeper model repeats the blocks of the base. */
static uint32_t find_in_base(const scaling *c, const char *path)
{
    int64_t block;
    int rest = 0;
    uint32_t at = tfx_state_find(&c->base, path);
    if (at != TFX_STATE_NONE || sscanf(path, "blocks.%" SCNd64 "%n", &block, &rest) != 1)
        return at;
    char *same = tfx_printf("blocks.%" PRId64 "%s", block % c->model->n_blocks, path + rest);
    at = tfx_state_find(&c->base, same);
    free(same);
    return at;
}

static tfx_status fail_param(const scaling *c, const char *path, tfx_error *err)
{
    tfx_suggest known = {.name = path};
    for (uint32_t i = 0; i < c->base.n; i++)
        if (c->base.tensors[i].kind == TFX_STATE_PARAM)
            tfx_suggest_add(&known, "%s", c->base.tensors[i].name);
    tfx_fail(
        err, TFX_E_INVALID,
        "parametrization mup: expected a model whose parameters mup_base has, too, in other sizes; found %s, which "
        "[model %s] has not",
        path, c->train->mup_base->name);
    return tfx_suggest_end(&known, NULL, err);
}

/* How many times as large as the base's a parameter is along what it sums over, and along what it produces; `both` is along
 * what is both, as the width is for a table that is the output layer, too. */
typedef struct ratios {
    double in, out, both;
    int unknown; /* an axis that differs and of which is not known what it is for, from 1 on; 0: none */
} ratios;

static ratios compare(const tfx_state_tensor *t, const tfx_state_tensor *base, const tfx_param_axes *of,
                      const tfx_axes *axes)
{
    ratios r = {1, 1, 1, 0};
    for (uint32_t axis = 0; axis < of->n_axes; axis++) {
        double ratio = (double)t->dims[axis] / (double)base->dims[axis];
        uint32_t roles = 0, marks = 0;
        for (uint32_t k = of->first[axis]; k < of->first[axis + 1]; k++) {
            roles |= axes->members[k].roles;
            marks |= axes->classes[axes->members[k].cls].marks;
        }
        if (marks & TFX_AXIS_INDEXED) /* the vocabulary is no width */
            continue;
        if (!roles && ratio != 1)
            r.unknown = (int)axis + 1;
        *(roles & TFX_AXIS_PRODUCED ? &r.out : &r.in) *= ratio;
        if (roles & TFX_AXIS_PRODUCED && roles & TFX_AXIS_CONSUMED)
            r.both *= ratio;
    }
    return r;
}

/* What a product with the parameter is multiplied by; 0: there is none. */
static double product_factor(const tfx_graph *g, uint32_t state)
{
    tfx_value v = state < g->n_state_values ? g->state_values[state] : TFX_POISON;
    for (uint32_t i = 0; v && i < g->n_nodes; i++)
        if (g->nodes[i].op == TFX_OP_MATMUL && (g->nodes[i].in[0] == v || g->nodes[i].in[1] == v))
            return g->nodes[i].reals[0];
    return 0;
}

/* A table keeps its scale and its rate, so what makes logits of it has to make up for the width. */
static tfx_status check_tied(const scaling *c, const tfx_graph *g, uint32_t state, uint32_t base, double ratio)
{
    double found = product_factor(g, state), expected = product_factor(&c->base_graph, base) / ratio;
    if (fabs(found - expected) <= 1e-3 * fabs(expected))
        return TFX_OK;
    return tfx_fail(
        c->err, TFX_E_INVALID,
        "parametrization mup: %s, which is the output layer, too, is %g times as wide as in [model %s]: expected a "
        "factor of %g on its logits (embedding.logit_scale), or a head of its own (head = linear); found %g",
        g->state->tensors[state].name, ratio, c->train->mup_base->name, expected, found);
}

static void scale(const scaling *c, tfx_state_tensor *t, const tfx_state_tensor *base, double in, double out)
{
    double std = in == 1 ? 1 : out == 1 ? 1 / in : 1 / sqrt(in);
    if (t->init.std > 0) /* which may follow the width, too, as its layer has it */
        t->init_scale = std * base->init.std / t->init.std;
    t->rate = c->step == TFX_STEP_GRADIENT ? out / in : 1 / in;
}

static tfx_status scale_all(const scaling *c, tfx_stage_plan *stage, const tfx_registry *registry, const tfx_graph *g)
{
    tfx_state_layout *s = &stage->state;
    tfx_axes *axes = tfx_stage_axes_create(stage, registry, c->err);
    for (uint32_t i = 0; axes && i < s->n && c->err->status == TFX_OK; i++) {
        tfx_state_tensor *t = &s->tensors[i];
        const tfx_param_axes *of = tfx_axes_of_param(axes, i);
        if (t->kind != TFX_STATE_PARAM || !of)
            continue;
        uint32_t at = find_in_base(c, t->name);
        if (at == TFX_STATE_NONE || c->base.tensors[at].n_dims != t->n_dims) {
            fail_param(c, t->name, c->err);
            break;
        }
        ratios r = compare(t, &c->base.tensors[at], of, axes);
        scale(c, t, &c->base.tensors[at], r.in, r.out);
        if (r.unknown && tfx_state_is_trained(t))
            tfx_fail(c->err, TFX_E_UNSUPPORTED,
                     "parametrization mup: expected layers of which is known what the axes of parameters are for; it "
                     "is not for "
                     "axis %d of %s (%s)",
                     r.unknown - 1, t->name, t->asked_by);
        else if (r.both != 1)
            check_tied(c, g, i, at, r.both);
    }
    tfx_axes_destroy(axes);
    return c->err->status;
}

tfx_status tfx_mup_apply(tfx_stage_plan *stage, const tfx_train_config *train, const tfx_registry *registry,
                         const tfx_graph *g, tfx_error *err)
{
    const tfx_optimizer_class *optimizer = train->optimizer.impl;
    scaling c = {.train = train, .err = err, .step = TFX_HAS(optimizer, step) ? optimizer->step : TFX_STEP_UNKNOWN};
    if (c.step == TFX_STEP_UNKNOWN)
        return tfx_fail(
            err, TFX_E_UNSUPPORTED,
            "parametrization mup: expected an optimizer that says how long its steps are; optimizer '%s' does "
            "not (tfx_optimizer_class.step)",
            train->optimizer.name);
    declare_base(&c, registry);
    if (err->status == TFX_OK)
        scale_all(&c, stage, registry, g);
    tfx_graph_finish(&c.base_graph);
    tfx_state_finish(&c.base);
    tfx_model_destroy(c.model);
    return err->status;
}
