#include "framework/train/engine.h"

#include <assert.h>
#include <string.h>

#include "framework/base/bf16.h"
#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/model/initialise.h"
#include "framework/plugin/calls/backend_calls.h"

struct tfx_engine {
    const tfx_device *device;
    const tfx_stage_plan *plan;
    tfx_buffer *state, *arena;
    tfx_exec *execs[TFX_N_PROGRAMS]; /* NULL where the stage does without the program */
    int measured;
    float *sums, *energies; /* of the last measured update and pass: others leave their own things in the arena */
};

static tfx_status allocate(tfx_engine *e, uint64_t bytes, tfx_buffer **out, tfx_error *err)
{
    return tfx_call_backend_buffer_create(e->device->cls, e->device->backend, bytes, out, err);
}

/* Writes the copy of elements [first, first + n) of a parameter. */
static void upload_copy(const tfx_engine *e, const tfx_state_tensor *copy, uint64_t first, const char *src, size_t n)
{
    enum { PIECE = 4096 };
    uint16_t piece[PIECE];
    for (size_t done = 0; done < n;) {
        size_t count = n - done < PIECE ? n - done : PIECE;
        for (size_t i = 0; i < count; i++) {
            float x;
            memcpy(&x, src + (done + i) * sizeof(x), sizeof(x));
            piece[i] = tfx_bf16_from_f32(x);
        }
        tfx_call_backend_upload(e->device->cls, e->device->backend, e->state, copy->offset + (first + done) * 2, piece,
                                count * 2);
        done += count;
    }
}

static void upload(void *ctx, const tfx_state_tensor *t, uint64_t first, const void *src, size_t n)
{
    tfx_engine *e = ctx;
    tfx_call_backend_upload(e->device->cls, e->device->backend, e->state, t->offset + first, src, n);
    if (t->copy != TFX_STATE_NONE) {
        assert(first % sizeof(float) == 0 && n % sizeof(float) == 0);
        upload_copy(e, &e->plan->state.tensors[t->copy], first / sizeof(float), src, n / sizeof(float));
    }
}

static void download(void *ctx, const tfx_state_tensor *t, uint64_t first, void *dst, size_t n)
{
    tfx_engine *e = ctx;
    tfx_call_backend_download(e->device->cls, e->device->backend, e->state, t->offset + first, dst, n);
}

/* What never changes. */
static void upload_arrays(tfx_engine *e)
{
    const tfx_state_layout *s = &e->plan->state;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->tensors[i].kind == TFX_STATE_ARRAY)
            upload(e, &s->tensors[i], 0, s->tensors[i].data, s->tensors[i].bytes);
}

tfx_engine *tfx_engine_create(const tfx_device *device, const tfx_stage_plan *plan, tfx_error *err)
{
    tfx_engine *e = TFX_NEW(tfx_engine);
    e->device = device;
    e->plan = plan;
    e->sums = TFX_NEW_ARRAY(float, plan->n_trained *TFX_SLICE_SUMS);
    e->energies = TFX_NEW_ARRAY(float, plan->slice_sites.n_slots);
    allocate(e, plan->state.bytes, &e->state, err);
    if (err->status == TFX_OK)
        allocate(e, plan->arena_bytes ? plan->arena_bytes : 64, &e->arena, err);
    for (int i = 0; i < TFX_N_PROGRAMS && err->status == TFX_OK; i++)
        if (plan->programs[i].placement)
            tfx_call_backend_compile(device->cls, device->backend, &plan->programs[i].placement->program, &e->execs[i],
                                     err);
    if (err->status != TFX_OK) {
        tfx_engine_destroy(e);
        return NULL;
    }
    upload_arrays(e);
    return e;
}

void tfx_engine_destroy(tfx_engine *e)
{
    if (!e)
        return;
    const tfx_backend_class *cls = e->device->cls;
    for (int i = 0; i < TFX_N_PROGRAMS; i++)
        tfx_call_backend_exec_destroy(cls, e->execs[i]);
    tfx_call_backend_buffer_destroy(cls, e->device->backend, e->arena);
    tfx_call_backend_buffer_destroy(cls, e->device->backend, e->state);
    free(e->sums);
    free(e->energies);
    free(e);
}

tfx_state_io tfx_engine_io(tfx_engine *e)
{
    return (tfx_state_io){e, download, upload};
}

/* Parameters are made in pieces of this size, to need no second copy of a large one. */
#define INIT_ELEMENTS ((uint64_t)1 << 20)

static tfx_status initialise(tfx_engine *e, uint64_t seed, int only_fixed, tfx_error *err)
{
    float *piece = malloc(INIT_ELEMENTS * sizeof(float));
    if (!piece)
        return tfx_fail(err, TFX_E_MEMORY, "initialising parameters: out of memory");
    const tfx_state_layout *s = &e->plan->state;
    for (uint32_t i = 0; i < s->n; i++) {
        const tfx_state_tensor *t = &s->tensors[i];
        if (t->kind != TFX_STATE_PARAM || (only_fixed && !(t->flags & TFX_PARAM_FIXED)))
            continue;
        for (uint64_t at = 0; at < t->elements; at += INIT_ELEMENTS) {
            uint64_t n = t->elements - at < INIT_ELEMENTS ? t->elements - at : INIT_ELEMENTS;
            tfx_param_initialise(t, seed, at, n, piece);
            upload(e, t, at * sizeof(float), piece, n * sizeof(float));
        }
    }
    free(piece);
    return TFX_OK;
}

tfx_status tfx_engine_initialise(tfx_engine *e, uint64_t seed, tfx_error *err)
{
    return initialise(e, seed, 0, err);
}

tfx_status tfx_engine_initialise_fixed(tfx_engine *e, tfx_error *err)
{
    return initialise(e, 0, 1, err);
}

void tfx_engine_set_batch(tfx_engine *e, const int32_t *tokens, const int32_t *targets)
{
    const tfx_state_tensor *t = e->plan->state.tensors;
    upload(e, &t[e->plan->tokens], 0, tokens, t[e->plan->tokens].bytes);
    upload(e, &t[e->plan->targets], 0, targets, t[e->plan->targets].bytes);
}

/* The key has 64 bits for two numbers of 64 each: it is a random number of theirs, so that seeds
 * which differ in any bit have masks that differ. */
void tfx_engine_set_step(tfx_engine *e, double lr, uint64_t seed, uint64_t pass)
{
    const tfx_state_tensor *t = e->plan->state.tensors;
    float lr_value = (float)lr;
    uint64_t random = tfx_random_u64(seed, tfx_random_stream("/dropout"), pass);
    uint32_t key[2] = {(uint32_t)(random >> 32), (uint32_t)random};
    upload(e, &t[e->plan->lr], 0, &lr_value, sizeof(lr_value));
    upload(e, &t[e->plan->key], 0, key, sizeof(key));
}

static tfx_status execute(tfx_engine *e, tfx_program_kind kind, tfx_error *err)
{
    return tfx_call_backend_run(e->device->cls, e->execs[kind], e->state, e->arena, err);
}

void tfx_engine_read(tfx_engine *e, const tfx_tensor *t, uint64_t first, void *dst, size_t n)
{
    assert(t);
    tfx_buffer *from = t->buffer == TFX_BUFFER_STATE ? e->state : e->arena;
    tfx_call_backend_download(e->device->cls, e->device->backend, from, t->offset + first, dst, n);
}

void tfx_engine_measure(tfx_engine *e, int measured)
{
    assert(!measured || e->plan->trained);
    e->measured = measured;
}

const float *tfx_engine_slice_sums(const tfx_engine *e)
{
    return e->sums;
}

const float *tfx_engine_slice_energies(const tfx_engine *e)
{
    return e->energies;
}

static tfx_program_kind variant(const tfx_engine *e, tfx_program_kind kind)
{
    return kind + (e->measured ? TFX_PROGRAM_MEASURED : 0);
}

tfx_status tfx_engine_pass(tfx_engine *e, float *loss, tfx_error *err)
{
    tfx_program_kind pass = variant(e, tfx_stage_pass(e->plan));
    const tfx_stage_program *p = &e->plan->programs[pass];
    if (execute(e, pass, err) != TFX_OK)
        return err->status;
    tfx_engine_read(e, p->loss, 0, loss, sizeof(*loss));
    if (p->energies)
        tfx_engine_read(e, p->energies, 0, e->energies, e->plan->slice_sites.n_slots * sizeof(float));
    return TFX_OK;
}

void tfx_engine_add_reports(tfx_engine *e, double *sums)
{
    const tfx_tensor *from = e->plan->programs[variant(e, tfx_stage_pass(e->plan))].reports;
    for (uint32_t i = 0; i < e->plan->n_reports; i++) {
        float x;
        tfx_engine_read(e, from, i * sizeof(x), &x, sizeof(x));
        sums[i] += (double)x;
    }
}

tfx_status tfx_engine_update(tfx_engine *e, float *grad_norm, tfx_error *err)
{
    int in_pass = e->plan->n_micro == 1; /* the pass of a STEP has done it */
    tfx_program_kind kind = variant(e, in_pass ? TFX_PROGRAM_STEP : TFX_PROGRAM_UPDATE);
    const tfx_stage_program *p = &e->plan->programs[kind];
    if (!in_pass && execute(e, kind, err) != TFX_OK)
        return err->status;
    tfx_engine_read(e, p->grad_norm, 0, grad_norm, sizeof(*grad_norm));
    if (p->sums)
        tfx_engine_read(e, p->sums, 0, e->sums, e->plan->n_trained * TFX_SLICE_SUMS * sizeof(float));
    return TFX_OK;
}

tfx_status tfx_engine_eval(tfx_engine *e, float *loss_sum, tfx_error *err)
{
    if (execute(e, TFX_PROGRAM_EVAL, err) == TFX_OK)
        tfx_engine_read(e, e->plan->programs[TFX_PROGRAM_EVAL].loss, 0, loss_sum, sizeof(*loss_sum));
    return err->status;
}

void tfx_engine_logits(tfx_engine *e, uint64_t first, size_t n, float *out)
{
    tfx_engine_read(e, e->plan->programs[TFX_PROGRAM_EVAL].logits, first * sizeof(float), out, n * sizeof(float));
}

tfx_status tfx_engine_extend(tfx_engine *e, int next, const int32_t *tokens, const int32_t *positions, tfx_error *err)
{
    const tfx_state_tensor *t = e->plan->state.tensors;
    const tfx_stage_extension *x = next ? &e->plan->next : &e->plan->prefix;
    upload(e, &t[x->tokens], 0, tokens, t[x->tokens].bytes);
    upload(e, &t[x->positions], 0, positions, t[x->positions].bytes);
    return execute(e, next ? TFX_PROGRAM_NEXT : TFX_PROGRAM_PREFIX, err);
}

void tfx_engine_next_logits(tfx_engine *e, uint64_t first, size_t n, float *out)
{
    tfx_engine_read(e, e->plan->programs[TFX_PROGRAM_NEXT].logits, first * sizeof(float), out, n * sizeof(float));
}

tfx_status tfx_engine_execute_other(tfx_engine *e, const tfx_program *p, tfx_error *err)
{
    const tfx_backend_class *cls = e->device->cls;
    tfx_backend *backend = e->device->backend;
    tfx_exec *exec = NULL;
    uint64_t arena = p->arena_bytes > e->plan->arena_bytes ? p->arena_bytes : e->plan->arena_bytes;
    uint64_t workspace = e->plan->workspace_bytes + tfx_call_backend_workspace(cls, backend, p);
    if (e->plan->state.bytes + arena + workspace > tfx_call_backend_memory(cls, backend))
        return tfx_fail(err, TFX_E_MEMORY, "not enough memory for another program");
    if (arena > e->plan->arena_bytes) {
        tfx_call_backend_buffer_destroy(cls, backend, e->arena);
        allocate(e, arena, &e->arena, err);
    }
    if (err->status == TFX_OK && tfx_call_backend_compile(cls, backend, p, &exec, err) == TFX_OK)
        tfx_call_backend_run(cls, exec, e->state, e->arena, err);
    tfx_call_backend_exec_destroy(cls, exec);
    return err->status;
}

void tfx_engine_profile(const tfx_engine *e, double *seconds)
{
    tfx_call_backend_profile(e->device->cls, e->execs[tfx_stage_pass(e->plan)], seconds);
}
