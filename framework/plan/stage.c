#include "framework/plan/stage_builder.h"

#include <assert.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/graph/autodiff.h"
#include "framework/graph/loss_parts.h"
#include "framework/graph/precision.h"
#include "framework/graph/recompute.h"
#include "framework/graph/reports.h"
#include "framework/model/build.h"
#include "framework/plan/clip.h"
#include "framework/plan/groups.h"
#include "framework/plan/mup.h"
#include "framework/plan/optimizer.h"
#include "framework/plugin/calls/backend_calls.h"

tfx_program_kind tfx_stage_pass(const tfx_stage_plan *s)
{
    return s->n_micro == 1 ? TFX_PROGRAM_STEP : TFX_PROGRAM_ACCUMULATE;
}

int tfx_stage_measures(const tfx_stage_plan *s, int64_t stage_step)
{
    return s->trained && stage_step % s->train.slice_every == 0;
}

double tfx_stage_tokens(const tfx_stage_plan *s)
{
    return (double)s->steps * (double)s->batch * (double)s->context;
}

uint64_t tfx_stage_peak_bytes(const tfx_stage_plan *s)
{
    return s->state.bytes + s->arena_bytes + s->workspace_bytes;
}

/* Code, libraries with their buffers, checkpoint staging and the probe: measured as resident
 * memory beyond the plan (49 MB at 124M parameters), with room to spare. */
#define HOST_BASE_BYTES ((uint64_t)192 << 20)

/* With so many copies of the largest parameter. */
static uint64_t host_bytes(const tfx_stage_plan *s, uint64_t copies)
{
    uint64_t largest = 0;
    for (uint32_t i = 0; i < s->state.n; i++)
        if (s->state.tensors[i].kind == TFX_STATE_PARAM && s->state.tensors[i].bytes > largest)
            largest = s->state.tensors[i].bytes;
    return HOST_BASE_BYTES + copies * largest;
}

/* Of what grows: the parameter, two that it is made of, and what noise takes. */
enum { GROWN_COPIES = 3, NOISY_COPIES = 5 };

uint64_t tfx_stage_host_bytes(const tfx_stage_plan *s)
{
    int grown = s->index || s->rates.set, noisy = s->noise != 0 || s->noise_old != 0;
    return host_bytes(s, !grown ? 0 : noisy ? NOISY_COPIES : GROWN_COPIES);
}

void tfx_stage_begin_graph(const tfx_stage_builder *b, tfx_graph *g, int training)
{
    tfx_graph_init(g, &b->s->state, b->err);
    g->registry = b->p->registry;
    g->ops = &b->s->ops;
    g->sites = &b->s->sites;
    g->device = b->p->device->cls->device;
    g->special_kernels = (b->p->device->cls->capabilities & TFX_BACKEND_KERNELS) != 0;
    g->training = training;
}

static tfx_placement_options placement_options(const tfx_stage_builder *b)
{
    uint32_t can = b->p->device->cls->capabilities;
    tfx_fusing fuse = !(can & TFX_BACKEND_FUSES_POINTWISE) ? TFX_FUSE_NOTHING
                      : can & TFX_BACKEND_FUSES_ROWS       ? TFX_FUSE_ROWS
                                                           : TFX_FUSE_POINTWISE;
    return (tfx_placement_options){.fuse = fuse, .reuse = !b->p->no_reuse};
}

/* Mean cross-entropy of the model on the inputs, and the logits. */
static tfx_value build_loss(const tfx_stage_builder *b, tfx_graph *g, double scale, tfx_value *logits)
{
    tfx_value tokens = tfx_emit_state(g, b->s->tokens);
    tfx_value targets = tfx_emit_state(g, b->s->targets);
    g->dropout_key = tfx_emit_state(g, b->s->key);
    *logits = tfx_model_build(b->s->model, g, tokens, g->training ? b->s->n_recomputed : 0);
    g->site = tfx_site_of(g, "loss", "cross entropy");
    tfx_value per_token = tfx_emit_cross_entropy(g, *logits, targets);
    tfx_value loss = tfx_emit_affine(g, tfx_emit_sum(g, per_token, 3, 0), scale, 0.0);
    g->site = 0;
    return loss;
}

/* What is emitted for a parameter when its gradient is there is the work of its update. */
static void begin_param(const tfx_stage_builder *b, tfx_graph *g, uint32_t i)
{
    g->site = tfx_site_of(g, b->s->state.tensors[b->trained.items[i].param].name, b->p->train->optimizer.name);
}

/* The gradient of every trained parameter, added to its accumulator if there is one; with its dtype then. */
static void build_grads(const tfx_stage_builder *b, tfx_graph *g, tfx_value loss, double seed, tfx_value *grads)
{
    uint32_t n = b->trained.n;
    tfx_value *wrt = TFX_NEW_ARRAY(tfx_value, n), *before = TFX_NEW_ARRAY(tfx_value, n);
    for (uint32_t i = 0; i < n; i++) {
        const tfx_trained_param *t = &b->trained.items[i];
        wrt[i] = tfx_emit_state(g, t->param);
        /* A product adds to f32. */
        int adds = t->accumulator != TFX_STATE_NONE && b->p->train->gradients == TFX_F32;
        grads[i] = before[i] = adds ? tfx_emit_state(g, t->accumulator) : TFX_POISON;
    }
    tfx_autodiff(g, loss, seed, wrt, n, grads);
    for (uint32_t i = 0; i < n; i++) {
        if (b->trained.items[i].accumulator != TFX_STATE_NONE && b->p->train->gradients == TFX_BF16 && grads[i]) {
            begin_param(b, g, i);
            g->update = 1; /* as early as can be: an f32 gradient need not be kept for the end */
            tfx_value sum = tfx_emit_cast(g, tfx_emit_state(g, b->trained.items[i].accumulator), TFX_F32);
            grads[i] = tfx_emit_cast(g, tfx_emit_binary(g, TFX_OP_ADD, sum, grads[i]), TFX_BF16);
            g->update = 0;
            g->site = 0;
        }
        if (grads[i] == before[i])
            tfx_graph_fail(g, "parameter %s does not influence the loss",
                           b->s->state.tensors[b->trained.items[i].param].name);
    }
    free(before);
    free(wrt);
}

/* Emits clipping and every parameter's update, with the gradient norm and, when `measured`, what it does to slices. */
static void build_updates(const tfx_stage_builder *b, tfx_graph *g, int measured, const tfx_value *grads,
                          tfx_stage_outputs *o)
{
    const tfx_train_config *train = b->p->train;
    tfx_value *sums = measured ? TFX_NEW_ARRAY(tfx_value, b->trained.n * TFX_SLICE_SUMS) : NULL;
    g->update = 1;
    tfx_value *kept = TFX_NEW_ARRAY(tfx_value, b->trained.n), *exact = TFX_NEW_ARRAY(tfx_value, b->trained.n);
    g->site = tfx_site_of(g, "clip", "gradient norm");
    for (uint32_t i = 0; i < b->trained.n; i++) {
        kept[i] = tfx_emit_cast(g, grads[i], train->gradients);
        exact[i] = tfx_emit_cast(g, grads[i], TFX_F32);
    }
    o->grad_norm = tfx_grad_norm(g, exact, b->trained.n);
    tfx_value factor = train->clip > 0 ? tfx_clip_factor(g, o->grad_norm, train->clip) : TFX_POISON;
    g->site = 0;
    tfx_optimizer_update(&b->trained, train, g, kept, factor, tfx_emit_state(g, b->s->lr), sums);
    g->site = tfx_site_of(g, "slices", "sums");
    if (measured)
        o->sums = tfx_slice_join(g, sums, b->trained.n * TFX_SLICE_SUMS);
    g->site = 0;
    g->update = 0;
    free(kept);
    free(exact);
    free(sums);
}

/* Whether byte counts of the graph and its state stay far from overflowing, however they are
 * added up. No machine has an exabyte, so nothing that could run is lost. */
static void check_total(tfx_graph *g)
{
    double total = 0;
    char text[32];
    for (tfx_value v = 1; v < g->n_values; v++)
        total += (double)tfx_value_elements(g, v) * (double)tfx_dtype_bytes(g->values[v].dtype);
    for (uint32_t i = 0; i < g->state->n; i++)
        total += (double)g->state->tensors[i].elements * (double)tfx_dtype_bytes(g->state->tensors[i].dtype);
    if (total > 0x1p60)
        tfx_graph_fail(g, "the model's values take %s of memory together; no machine has that",
                       tfx_format_bytes(text, total));
}

/* Bytes of logits at a time. Each part reads the head again, and adds to its gradient, which costs a step of GPT-2 124M nothing that can be
 * measured with 7 parts, but more of them would hardly take less memory: 2.17 GB with 128 MB, 2.09 with 32, 2.08 with 16. */
#define MOST_LOGITS ((uint64_t)32 << 20)

void tfx_stage_finish_graph(const tfx_stage_builder *b, tfx_graph *g, tfx_program_kind kind, tfx_stage_outputs o)
{
    tfx_stage_program *p = &b->s->programs[kind];
    enum { MOST = 6 };
    const tfx_value values[MOST] = {o.loss, o.grad_norm, o.logits, o.sums, o.energies, o.reports};
    const tfx_tensor **tensors[MOST] = {&p->loss, &p->grad_norm, &p->logits, &p->sums, &p->energies, &p->reports};
    const tfx_tensor **at[MOST];
    tfx_value wanted[MOST];
    uint32_t n = 0;
    tfx_placement_options options = placement_options(b);
    for (int i = 0; i < MOST; i++)
        if (values[i]) {
            wanted[n] = values[i];
            at[n++] = tensors[i];
        }
    assert(g->state->frozen || g->err->status != TFX_OK);
    tfx_loss_in_parts(g, MOST_LOGITS, wanted, n);
    tfx_recompute_in_passes(g, wanted, n); /* whatever the backend fuses: in bf16 it is a matter of rounding, too */
    if (b->p->train->compute == TFX_BF16)
        tfx_precision_narrow(g, wanted, n);
    check_total(g);
    p->placement = tfx_placement_create(g, wanted, n, &options);
    for (uint32_t i = 0; p->placement && i < n; i++)
        *at[i] = p->placement->program.tensors[p->placement->outputs[i]];
    tfx_graph_finish(g);
}

/* The first graph declares the parameters. What there is for each of them follows: copies, and what the optimizer keeps. */
void tfx_stage_declare_copies(const tfx_stage_builder *b, const tfx_graph *g)
{
    tfx_stage_plan *s = b->s;
    if (b->err->status != TFX_OK || s->state.frozen)
        return;
    if (b->p->train->mup && tfx_mup_apply(s, b->p->train, b->p->registry, g, b->err) != TFX_OK)
        return;
    if (b->p->train->compute == TFX_BF16)
        tfx_precision_declare(g, &s->state);
}

static void declare_training(tfx_stage_builder *b, const tfx_graph *g)
{
    tfx_stage_plan *s = b->s;
    tfx_stage_declare_copies(b, g);
    if (b->err->status == TFX_OK && !s->state.frozen)
        tfx_optimizer_declare(&b->trained, b->p->train, s->n_micro > 1, g, &s->state, b->err);
    s->state.frozen = 1;
}

/* Of an earlier program, which has the same. */
static void forget_reports(tfx_stage_plan *s)
{
    for (uint32_t i = 0; i < s->n_reports; i++)
        free(s->reports[i]);
    free(s->reports);
    s->reports = NULL;
    s->n_reports = 0;
}

/* STEP or ACCUMULATE. */
static void build_pass(tfx_stage_builder *b, int measured)
{
    tfx_stage_plan *s = b->s;
    double scale = 1.0 / ((double)s->micro_batch * (double)s->context);
    tfx_stage_outputs o = {0};
    tfx_value logits;
    tfx_graph g;
    tfx_stage_begin_graph(b, &g, 1);
    tfx_reports reports = {0};
    g.reports = &reports;
    o.loss = build_loss(b, &g, scale, &logits);
    declare_training(b, &g);
    if (b->err->status != TFX_OK) {
        tfx_reports_finish(&reports);
        tfx_graph_finish(&g);
        return;
    }
    forget_reports(s);
    o.reports = tfx_reports_means(&g, &reports, &s->reports, &s->n_reports);
    tfx_value objective = tfx_reports_objective(&g, &reports, o.loss);
    tfx_reports_finish(&reports);
    if (measured) /* among the products of the forward pass, which are all there are so far */
        tfx_slice_sites_find(&s->slice_sites, &g, b->p->grown_from);
    uint32_t n = b->trained.n;
    tfx_value *grads = TFX_NEW_ARRAY(tfx_value, n);
    build_grads(b, &g, objective, 1.0 / (double)s->n_micro, grads);
    if (s->n_micro == 1)
        build_updates(b, &g, measured, grads, &o);
    for (uint32_t i = 0; i < n && s->n_micro > 1; i++) {
        begin_param(b, &g, i);
        tfx_emit_store(&g, grads[i], tfx_emit_state(&g, b->trained.items[i].accumulator));
    }
    if (measured) {
        g.site = tfx_site_of(&g, "slices", "sums");
        g.update = 1; /* as early as can be: weights need not be kept for the end */
        o.energies = tfx_slice_energies(&g, &s->slice_sites);
    }
    tfx_stage_finish_graph(b, &g, tfx_stage_pass(s) + (measured ? TFX_PROGRAM_MEASURED : 0), o);
    free(grads);
}

static void build_update(tfx_stage_builder *b, int measured)
{
    uint32_t n = b->trained.n;
    tfx_stage_outputs o = {0};
    tfx_graph g;
    tfx_stage_begin_graph(b, &g, 0);
    tfx_value *grads = TFX_NEW_ARRAY(tfx_value, n);
    for (uint32_t i = 0; i < n; i++)
        grads[i] = tfx_emit_state(&g, b->trained.items[i].accumulator);
    build_updates(b, &g, measured, grads, &o);
    for (uint32_t i = 0; i < n; i++) {
        begin_param(b, &g, i);
        tfx_emit_store(&g,
                       tfx_emit_cast(&g, tfx_emit_constant(&g, 0.0, g.values[grads[i]].n_dims, g.values[grads[i]].dims),
                                     g.values[grads[i]].dtype),
                       grads[i]);
    }
    tfx_stage_finish_graph(b, &g, TFX_PROGRAM_UPDATE + (measured ? TFX_PROGRAM_MEASURED : 0), o);
    free(grads);
}

static void build_training(tfx_stage_builder *b)
{
    int measures = b->p->grown_from != NULL;
    for (int measured = 0; measured <= measures && b->err->status == TFX_OK; measured++) {
        build_pass(b, measured);
        if (b->s->n_micro > 1 && b->err->status == TFX_OK)
            build_update(b, measured);
    }
    if (!measures)
        return;
    b->s->trained = TFX_NEW_ARRAY(uint32_t, b->trained.n);
    for (uint32_t i = 0; i < b->trained.n; i++)
        b->s->trained[b->s->n_trained++] = b->trained.items[i].param;
}

static void build_eval(tfx_stage_builder *b)
{
    tfx_graph g;
    tfx_stage_outputs o = {0};
    tfx_stage_begin_graph(b, &g, 0);
    o.loss = build_loss(b, &g, 1.0, &o.logits);
    tfx_stage_declare_copies(b, &g);
    b->s->state.frozen = 1; /* when evaluation is all there is, nothing has declared the parameters before */
    tfx_stage_finish_graph(b, &g, TFX_PROGRAM_EVAL, o);
}

/* Attention of a kind that backends of ABI 1.0 do not know; they would take it for the usual one. */
static int is_special_attention(const tfx_program *p, const tfx_node *n)
{
    return (n->op == TFX_OP_ATTENTION || n->op == TFX_OP_ATTENTION_GRAD || n->op == TFX_OP_ATTENTION_CACHED) &&
           (n->ints[0] || n->ints[1] || n->reals[1] != 0 ||
            p->tensors[n->in[0]]->dims[2] != p->tensors[n->in[1]]->dims[2]);
}

const tfx_node *tfx_stage_find_unsupported(const tfx_stage_builder *b, const tfx_program *p)
{
    const tfx_device *d = b->p->device;
    int all_attention = (d->cls->capabilities & TFX_BACKEND_ATTENTION) != 0;
    for (uint32_t i = 0; i < p->n_steps; i++)
        for (uint32_t k = 0; k < p->steps[i]->n_nodes; k++)
            if ((!all_attention && is_special_attention(p, p->steps[i]->nodes[k])) ||
                !tfx_call_backend_supports(d->cls, d->backend, p, p->steps[i]->nodes[k]))
                return p->steps[i]->nodes[k];
    return NULL;
}

/* What the backend has to say of one program: can it run all of it, and with how much
 * scratch memory. */
static void check_program(const tfx_stage_builder *b, const tfx_program *p)
{
    if (b->err->status != TFX_OK)
        return;
    const tfx_device *d = b->p->device;
    b->s->arena_bytes = p->arena_bytes > b->s->arena_bytes ? p->arena_bytes : b->s->arena_bytes;
    const tfx_node *unsupported = tfx_stage_find_unsupported(b, p);
    if (unsupported) {
        /* Sizes beyond what kernels count are beyond the memory, too, and it is that
         * which the user has to know. */
        if (b->s->state.bytes + b->s->arena_bytes <= tfx_call_backend_memory(d->cls, d->backend))
            tfx_fail(b->err, TFX_E_UNSUPPORTED, "backend '%s' cannot execute %s as model '%s' uses it", d->cls->name,
                     tfx_op_name(unsupported->op), b->s->model->name);
        return;
    }
    b->s->workspace_bytes += tfx_call_backend_workspace(d->cls, d->backend, p); /* every program has its own */
}

static void sum_up(tfx_stage_plan *s)
{
    for (uint32_t i = 0; i < s->state.n; i++) {
        const tfx_state_tensor *t = &s->state.tensors[i];
        if (t->kind == TFX_STATE_PARAM) {
            s->n_params += t->elements;
            s->param_bytes += t->bytes;
        } else if (t->kind == TFX_STATE_OPTIMIZER) {
            s->optimizer_bytes += t->bytes;
        }
    }
    assert(s->n_micro * s->micro_batch == s->batch && s->param_bytes + s->optimizer_bytes <= s->state.bytes);
    const tfx_placement *pass = s->programs[tfx_stage_pass(s)].placement;
    const tfx_placement *update = s->programs[TFX_PROGRAM_UPDATE].placement;
    if (pass) {
        double tokens = (double)s->micro_batch * (double)s->context;
        s->flops_per_token = pass->cost.flops / tokens;
        s->executed_flops = (pass->cost.flops + pass->cost.recomputed) * (double)s->n_micro;
        if (update) {
            /* An optimizer's own matrix products count like any others. */
            s->flops_per_token += update->cost.flops / (tokens * (double)s->n_micro);
            s->executed_flops += update->cost.flops;
        }
    }
}

static tfx_status check_compute(const tfx_stage_params *p, tfx_error *err)
{
    int line = 0;
    if (p->train->compute != TFX_BF16 || p->device->cls->capabilities & TFX_BACKEND_BF16)
        return TFX_OK;
    const char *file = tfx_options_origin(p->train->options, "compute", &line);
    return tfx_fail_at(err, file, line, "train.compute: backend '%s' does not compute in bf16; expected f32",
                       p->device->cls->name);
}

/* With the first n_recomputed blocks done again; all of them where there are not as many. */
static tfx_stage_plan *create(const tfx_stage_params *p, int64_t n_recomputed, tfx_error *err)
{
    tfx_stage_plan *s = TFX_NEW(tfx_stage_plan);
    tfx_stage_builder b = {.p = p, .s = s, .err = err, .trained = {.rates = p->rates, .slices = p->grown_from != NULL}};
    s->spec = p->model;
    s->train = *p->train;
    s->rates = p->rates;
    tfx_groups_freeze(&s->state, &s->train);
    s->model = tfx_model_create(p->registry, p->model, err);
    if (s->model) {
        s->n_recomputed = n_recomputed < s->model->n_blocks ? n_recomputed : s->model->n_blocks;
        s->batch = p->train->batch;
        s->micro_batch = p->train->micro_batch;
        s->n_micro = s->batch / s->micro_batch;
        s->context = s->model->context;
        s->rows = p->eval_only && p->eval_rows ? p->eval_rows : s->micro_batch;
        int64_t rows[2] = {s->rows, s->context}, key[1] = {2};
        s->tokens = tfx_state_add(&s->state, TFX_STATE_INPUT, "/tokens", TFX_I32, 2, rows);
        s->targets = tfx_state_add(&s->state, TFX_STATE_INPUT, "/targets", TFX_I32, 2, rows);
        s->lr = tfx_state_add(&s->state, TFX_STATE_INPUT, "/lr", TFX_F32, 0, NULL);
        s->key = tfx_state_add(&s->state, TFX_STATE_INPUT, "/key", TFX_I32, 1, key);
        if (!p->eval_only)
            build_training(&b);
        if (p->extends)
            tfx_stage_add_extensions(s);
        if (err->status == TFX_OK && !(p->extends && tfx_stage_build_extensions(&b)))
            build_eval(&b);
        for (int i = 0; i < TFX_N_PROGRAMS; i++)
            if (s->programs[i].placement)
                check_program(&b, &s->programs[i].placement->program);
        if (err->status == TFX_OK)
            sum_up(s);
        else
            tfx_model_spec_locate(p->model, err);
    }
    tfx_optimizer_finish(&b.trained);
    if (err->status != TFX_OK) {
        tfx_stage_plan_destroy(s);
        return NULL;
    }
    return s;
}

int tfx_stage_fits(const tfx_stage_plan *s, const tfx_device *device)
{
    return tfx_stage_peak_bytes(s) + tfx_stage_host_bytes(s) <= tfx_call_backend_memory(device->cls, device->backend);
}

tfx_status tfx_stage_check_other(const tfx_stage_plan *s, const tfx_device *device, const tfx_program *p,
                                 tfx_error *err)
{
    uint64_t arena = p->arena_bytes > s->arena_bytes ? p->arena_bytes : s->arena_bytes;
    uint64_t have = tfx_call_backend_memory(device->cls, device->backend);
    uint64_t need = s->state.bytes + arena + s->workspace_bytes +
                    tfx_call_backend_workspace(device->cls, device->backend, p) + tfx_stage_host_bytes(s);
    char a[32], b[32], c[32];
    if (need <= have)
        return TFX_OK;
    tfx_fail(err, TFX_E_INVALID,
             "a pass over %lld x %lld tokens through the model needs %s of memory (parameters %s); this machine has %s",
             (long long)s->rows, (long long)s->context, tfx_format_bytes(a, (double)need),
             tfx_format_bytes(b, (double)s->param_bytes), tfx_format_bytes(c, (double)have));
    tfx_model_spec_locate(s->spec, err);
    return err->status;
}

/* Before it is known what the stage grows from. */
static int fits_however_grown(const tfx_stage_plan *s, const tfx_device *device)
{
    return tfx_stage_peak_bytes(s) + host_bytes(s, NOISY_COPIES) <=
           tfx_call_backend_memory(device->cls, device->backend);
}

tfx_stage_plan *tfx_stage_plan_create(const tfx_stage_params *p, tfx_error *err)
{
    if (check_compute(p, err) != TFX_OK)
        return NULL;
    tfx_stage_plan *s = create(p, p->train->recompute == TFX_RECOMPUTE_BLOCK ? INT64_MAX : 0, err);
    if (!s || p->train->recompute != TFX_RECOMPUTE_AUTO || p->eval_only || fits_however_grown(s, p->device))
        return s;
    /* Too few, and enough as far as anything is. */
    int64_t few = 0, enough = s->model->n_blocks;
    tfx_stage_plan_destroy(s);
    s = create(p, enough, err);
    while (s && enough - few > 1 && fits_however_grown(s, p->device)) {
        int64_t n = few + (enough - few) / 2;
        tfx_stage_plan *fewer = create(p, n, err);
        int fits = fewer && fits_however_grown(fewer, p->device);
        tfx_stage_plan_destroy(fits ? s : fewer);
        s = fits ? fewer : s;
        *(fits ? &enough : &few) = n;
    }
    return s;
}

void tfx_stage_plan_destroy(tfx_stage_plan *s)
{
    if (!s)
        return;
    for (int i = 0; i < TFX_N_PROGRAMS; i++)
        tfx_placement_destroy(s->programs[i].placement);
    tfx_model_view_destroy(s->view);
    tfx_state_finish(&s->state);
    tfx_model_destroy(s->model);
    tfx_slice_sites_finish(&s->slice_sites);
    free(s->trained);
    free(s->whole_windows);
    forget_reports(s);
    free(s->ops.items);
    tfx_sites_finish(&s->sites);
    free(s);
}

tfx_value tfx_stage_forward(tfx_stage_plan *s, const tfx_registry *registry, const tfx_device *device, int training,
                            tfx_made_values *made, tfx_graph *g, tfx_error *err)
{
    const tfx_stage_params p = {.registry = registry, .device = device};
    const tfx_stage_builder b = {.p = &p, .s = s, .err = err};
    assert(s->state.frozen);
    tfx_stage_begin_graph(&b, g, training);
    g->made = made;
    g->dropout_key = tfx_emit_state(g, s->key);
    return tfx_model_build(s->model, g, tfx_emit_state(g, s->tokens), 0);
}

tfx_placement *tfx_stage_forward_place(tfx_graph *g, const tfx_device *device, const tfx_value *wanted, uint32_t n)
{
    const tfx_stage_params p = {.device = device};
    const tfx_stage_builder b = {.p = &p};
    tfx_placement_options options = placement_options(&b);
    tfx_placement *placement = tfx_placement_create(g, wanted, n, &options);
    tfx_graph_finish(g);
    return placement;
}

tfx_placement *tfx_stage_layers_create(tfx_stage_plan *s, const tfx_registry *registry, const tfx_device *device,
                                       int training, tfx_made_values *made, tfx_error *err)
{
    tfx_graph g;
    tfx_stage_forward(s, registry, device, training, made, &g, err);
    tfx_value *values = TFX_NEW_ARRAY(tfx_value, made->n);
    for (uint32_t i = 0; i < made->n; i++)
        values[i] = made->items[i].value;
    tfx_placement *placement = tfx_stage_forward_place(&g, device, values, made->n);
    free(values);
    return placement;
}
