#include "framework/conformance/optimizer_case.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/conformance/trial.h"
#include "framework/plugin/calls/optimizer_calls.h"

static const struct {
    const char *name;
    uint32_t n_dims;
    int64_t dims[3];
    int grow_axis;
    uint32_t flags;
} params[TFX_CASE_PARAMS] = {
    {"scalar", 0, {0}, TFX_NOT_GROWABLE, 0},       {"vector", 1, {5}, 0, 0},
    {"matrix", 2, {6, 4}, TFX_NOT_GROWABLE, 0},    {"rows", 2, {6, 4}, 0, 0},
    {"columns", 2, {3, 7}, 1, TFX_PARAM_NO_DECAY}, {"cube", 3, {2, 3, 4}, 0, TFX_PARAM_NO_DECAY},
};

/* Declares the tensors. */
static void declare(tfx_state_layout *state, const tfx_optimizer_setup *setup, tfx_optimizer_case *c)
{
    for (int k = 0; k < TFX_CASE_PARAMS; k++) {
        int i = setup->backwards ? TFX_CASE_PARAMS - 1 - k : k;
        char *grad = tfx_printf("/gradient of %s", params[i].name);
        uint32_t p = tfx_state_add(state, TFX_STATE_PARAM, params[i].name, TFX_F32, params[i].n_dims, params[i].dims);
        c->grad[i] = tfx_state_add(state, TFX_STATE_INPUT, grad, TFX_F32, params[i].n_dims, params[i].dims);
        state->tensors[p].grow_axis = params[i].grow_axis;
        state->tensors[p].flags = params[i].flags;
        state->tensors[p].init = tfx_init_normal(0.5);
        c->param[i] = p;
        free(grad);
    }
    c->lr = tfx_state_add(state, TFX_STATE_INPUT, "/lr", TFX_F32, 0, NULL);
}

/* Emits all updates; the stores of the graph are its outputs. */
static void emit(tfx_graph *g, const tfx_subject *s, const tfx_options *options, const tfx_optimizer_setup *setup,
                 tfx_optimizer_case *c, tfx_error *err)
{
    tfx_trained_params t = {0};
    /* Of what the host knows of training only this counts. Where a message belongs in a spec is no question here. */
    tfx_options *none = tfx_options_resolve(NULL, 0, NULL, 0, "train", err);
    const tfx_train_config train = {.gradients = TFX_F32,
                                    .options = none,
                                    .optimizer = {.name = (char *)s->info.name,
                                                  .impl = s->impl,
                                                  .options = (tfx_options *)options,
                                                  .key = "optimizer",
                                                  .section = (char *)s->info.name,
                                                  .file = "--set"}};
    if (setup->per_slice)
        t.rates = (tfx_rate_factors){1, 0.5, 2.0};
    if (tfx_optimizer_declare(&t, &train, 0, g, g->state, err) == TFX_OK) {
        tfx_value grads[TFX_CASE_PARAMS];
        for (uint32_t k = 0; k < t.n; k++)
            for (int i = 0; i < TFX_CASE_PARAMS; i++)
                if (t.items[k].param == c->param[i])
                    grads[k] = tfx_emit_state(g, c->grad[i]);
        tfx_optimizer_update(&t, &train, g, grads, TFX_POISON, tfx_emit_state(g, c->lr), NULL);
    }
    tfx_optimizer_finish(&t);
    tfx_options_destroy(none);
}

tfx_status tfx_trial_optimizer(const tfx_subject *s, const tfx_options *o, tfx_error *err)
{
    static const tfx_optimizer_setup plain = {0};
    tfx_state states[TFX_MAX_STATES];
    tfx_state_layout state = {0};
    tfx_optimizer_case c;
    tfx_graph g;
    size_t n;
    if (tfx_call_optimizer_states(s->impl, o, &tfx_hidden_matrix, states, &n, err) != TFX_OK)
        return err->status;
    tfx_graph_init(&g, &state, err);
    declare(&state, &plain, &c);
    emit(&g, s, o, &plain, &c, err);
    tfx_graph_finish(&g);
    tfx_state_finish(&state);
    return err->status;
}

tfx_status tfx_optimizer_case_open(tfx_optimizer_case *c, tfx_subject *s, const tfx_optimizer_setup *setup)
{
    *c = (tfx_optimizer_case){.s = s};
    tfx_bench *b = &c->bench;
    c->options = tfx_subject_options(s, &c->err);
    if (!c->options || tfx_bench_open(b, s->registry, NULL, setup->threads, &c->err) != TFX_OK)
        return c->err.status;
    tfx_bench_clear(b, 0, 1);
    declare(&b->state, setup, c);
    emit(&b->g, s, c->options, setup, c, &c->err);
    if (c->err.status == TFX_OK)
        tfx_bench_compile(b, &c->program, NULL, 0, 1);
    if (c->err.status == TFX_OK)
        tfx_bench_fill_params(b, 7);
    return c->err.status;
}

void tfx_optimizer_case_close(tfx_optimizer_case *c)
{
    if (c->bench.backend)
        tfx_bench_program_finish(&c->bench, &c->program);
    tfx_bench_close(&c->bench);
    tfx_options_destroy(c->options);
}

tfx_status tfx_optimizer_case_step(tfx_optimizer_case *c, tfx_case_gradient gradient, double lr, uint64_t step)
{
    tfx_bench *b = &c->bench;
    *(float *)tfx_bench_data(b, c->lr) = (float)lr;
    for (int i = 0; i < TFX_CASE_PARAMS; i++) {
        const float *p = tfx_bench_data(b, c->param[i]);
        float *g = tfx_bench_data(b, c->grad[i]);
        uint64_t n = b->state.tensors[c->param[i]].elements;
        tfx_bench_fill(b, c->grad[i], 1000 + step, -1, 1);
        for (uint64_t k = 0; k < n && gradient != TFX_GRADIENT_RANDOM; k++)
            g[k] = gradient == TFX_GRADIENT_ZERO ? 0 : p[k] - 1;
    }
    return tfx_bench_execute(b, &c->program);
}

static int is_kept(const tfx_state_tensor *t)
{
    return t->kind == TFX_STATE_PARAM || t->kind == TFX_STATE_OPTIMIZER;
}

tfx_case_state tfx_optimizer_case_save(tfx_optimizer_case *c)
{
    const tfx_state_layout *l = &c->bench.state;
    tfx_case_state s = {TFX_NEW_ARRAY(char *, l->n), TFX_NEW_ARRAY(char *, l->n), TFX_NEW_ARRAY(uint64_t, l->n), 0};
    for (uint32_t i = 0; i < l->n; i++) {
        const tfx_state_tensor *t = &l->tensors[i];
        if (!is_kept(t))
            continue;
        s.names[s.n] = tfx_strdup(t->name);
        s.data[s.n] = tfx_alloc(t->bytes);
        s.bytes[s.n] = t->bytes;
        memcpy(s.data[s.n++], tfx_bench_data(&c->bench, i), t->bytes);
    }
    return s;
}

const char *tfx_optimizer_case_load(tfx_optimizer_case *c, const tfx_case_state *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t at = tfx_state_find(&c->bench.state, s->names[i]);
        if (at == TFX_STATE_NONE || c->bench.state.tensors[at].bytes != s->bytes[i])
            return s->names[i];
        memcpy(tfx_bench_data(&c->bench, at), s->data[i], s->bytes[i]);
    }
    return NULL;
}

const char *tfx_case_state_differs(const tfx_case_state *a, const tfx_case_state *b)
{
    for (uint32_t i = 0; i < a->n; i++) {
        uint32_t k = 0;
        while (k < b->n && strcmp(a->names[i], b->names[k]))
            k++;
        if (k == b->n || a->bytes[i] != b->bytes[k] || memcmp(a->data[i], b->data[k], a->bytes[i]))
            return a->names[i];
    }
    return NULL;
}

void tfx_case_state_finish(tfx_case_state *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        free(s->names[i]);
        free(s->data[i]);
    }
    free(s->names);
    free(s->data);
    free(s->bytes);
    *s = (tfx_case_state){0};
}
