/* Experiments written as text, their stages planned for the real CPU backend, and a runner
 * that executes a stage's programs with buffers of its own: it fills the arena with NaN
 * before every program, so that nothing can be read that was not written. */
#ifndef TFX_TESTS_STAGE_FIXTURE_H
#define TFX_TESTS_STAGE_FIXTURE_H

#include <unistd.h>

#include "framework/base/bf16.h"
#include "framework/model/growth.h"
#include "framework/model/initialise.h"
#include "framework/plan/arm.h"
#include "tests/graph/lab.h"

/* Sections that most specs here start with; every model below has this vocabulary. */
#define VOCAB 11
#define SPEC_HEAD \
    "[experiment]\nname = test\nbackend = cpu\nbackend.threads = 2\n[data]\nloader = synthetic\n" \
    "loader.vocab = 11\n"
#define SPEC_TRAIN "[train]\nsteps = 8\nbatch = 4\nlr = 1e-2\nschedule = constant\nwarmup = 0\n"
#define SPEC_TRANSFORMER \
    "[model transformer]\nn_blocks = 2\ndim = 8\ncontext = 6\nvocab = 11\nblocks = block_prenorm\n" \
    "blocks.mixer = attention\nblocks.mixer.heads = 2\nblocks.mixer.rotary = 0.5\nblocks.ffn = mlp\n"
#define SPEC_TOKENFORMER \
    "[model tokenformer]\nn_blocks = 2\ndim = 8\ncontext = 6\nvocab = 11\nblocks = block_prenorm\n" \
    "blocks.{norm1,norm2} = layernorm_nonparam\nblocks.mixer = attention\nblocks.mixer.heads = 2\n" \
    "blocks.mixer.rotary = 0.5\nblocks.mixer.{q,k,v,o} = pattention\nblocks.mixer.{q,k,v,o}.slots = 6\n" \
    "blocks.ffn = pattention\nblocks.ffn.slots = 12\n"

typedef struct fixture {
    tfx_error err;
    tfx_registry *registry;
    tfx_experiment *experiment;
    tfx_device device;
    tfx_backend_class single; /* the same backend, planned for without fusion, or as a test changes it */
    tfx_device unfused;
} fixture;

static inline void fixture_ok(const fixture *f)
{
    ck_assert_msg(f->err.status == TFX_OK, "%s", f->err.text);
}

static inline tfx_experiment *load_text(fixture *f, const char *text)
{
    char path[] = "/tmp/tfx-test-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    tfx_experiment *e = tfx_experiment_load(f->registry, path, NULL, NULL, 0, &f->err);
    unlink(path);
    return e;
}

static inline void fixture_open_backend(fixture *f)
{
    tfx_device_open(&f->device, f->experiment, &f->err);
    fixture_ok(f);
    f->single = *f->device.cls;
    f->single.capabilities &= ~(uint32_t)TFX_BACKEND_FUSES_POINTWISE;
    f->unfused = (tfx_device){&f->single, f->device.backend};
}

static inline void fixture_open(fixture *f, const char *text)
{
    *f = (fixture){0};
    f->registry = tfx_registry_open("", &f->err);
    fixture_ok(f);
    f->experiment = load_text(f, text);
    fixture_ok(f);
    fixture_open_backend(f);
}

/* A spec of the source tree. */
static inline void fixture_open_file(fixture *f, const char *name, const char *profile, const char *const *sets,
                                     size_t n)
{
    const char *root = getenv("TFX_SOURCE_ROOT");
    ck_assert_msg(root != NULL, "TFX_SOURCE_ROOT is not set; run through meson test");
    *f = (fixture){0};
    f->registry = tfx_registry_open("", &f->err);
    fixture_ok(f);
    char *path = tfx_printf("%s/%s", root, name);
    f->experiment = tfx_experiment_load(f->registry, path, profile, sets, n, &f->err);
    fixture_ok(f);
    free(path);
    fixture_open_backend(f);
}

static inline void fixture_close(fixture *f)
{
    tfx_device_close(&f->device);
    tfx_experiment_destroy(f->experiment);
    tfx_registry_close(f->registry);
}

/* ALTERED: with fusion, for f->single as the test has changed it. */
enum { UNFUSED = 1, NO_REUSE = 2, ALTERED = 4 };

static inline tfx_stage_plan *stage_plan(fixture *f, const char *arm_name, int flags)
{
    const tfx_arm *arm = tfx_experiment_arm(f->experiment, arm_name, &f->err);
    fixture_ok(f);
    if (flags & ALTERED)
        f->single.capabilities = f->device.cls->capabilities;
    tfx_stage_params p = {.registry = f->registry,
                          .device = flags & (UNFUSED | ALTERED) ? &f->unfused : &f->device,
                          .model = arm->model,
                          .train = &arm->train,
                          .no_reuse = (flags & NO_REUSE) != 0};
    tfx_stage_plan *s = tfx_stage_plan_create(&p, &f->err);
    fixture_ok(f);
    s->steps = s->schedule_steps = arm->train.steps;
    return s;
}

/* ---- running ---- */

typedef struct stage_runner {
    const tfx_device *device;
    tfx_stage_plan *plan; /* owned */
    tfx_buffer *state, *arena;
    tfx_exec *execs[TFX_N_PROGRAMS];
} stage_runner;

static inline void runner_write(stage_runner *r, const tfx_state_tensor *t, const void *src)
{
    r->device->cls->upload(r->device->backend, r->state, t->offset, src, t->bytes);
}

static inline void *runner_read(const stage_runner *r, const tfx_state_tensor *t)
{
    void *data = tfx_alloc(t->bytes);
    r->device->cls->download(r->device->backend, r->state, t->offset, data, t->bytes);
    return data;
}

static inline const tfx_state_tensor *runner_tensor(const stage_runner *r, const char *name)
{
    uint32_t at = tfx_state_find(&r->plan->state, name);
    ck_assert_msg(at != TFX_STATE_NONE, "there is no tensor %s", name);
    return &r->plan->state.tensors[at];
}

static inline void runner_open(stage_runner *r, const tfx_device *device, tfx_stage_plan *plan, uint64_t seed)
{
    *r = (stage_runner){.device = device, .plan = plan};
    ck_assert_int_eq(device->cls->buffer_create(device->backend, plan->state.bytes, &r->state), TFX_OK);
    ck_assert_int_eq(device->cls->buffer_create(device->backend, plan->arena_bytes + 64, &r->arena), TFX_OK);
    for (int i = 0; i < TFX_N_PROGRAMS; i++)
        if (plan->programs[i].placement)
            ck_assert_int_eq(device->cls->compile(device->backend, &plan->programs[i].placement->program, &r->execs[i]),
                             TFX_OK);
    for (uint32_t i = 0; i < plan->state.n; i++) {
        const tfx_state_tensor *t = &plan->state.tensors[i];
        if (t->kind != TFX_STATE_PARAM)
            continue;
        float *data = tfx_alloc(t->bytes);
        tfx_param_initialise(t, seed, 0, t->elements, data);
        runner_write(r, t, data);
        if (t->copy != TFX_STATE_NONE) {
            uint16_t *copy = tfx_alloc(t->elements * sizeof(*copy));
            for (uint64_t k = 0; k < t->elements; k++)
                copy[k] = tfx_bf16_from_f32(data[k]);
            runner_write(r, &plan->state.tensors[t->copy], copy);
            free(copy);
        }
        free(data);
    }
}

static inline void runner_close(stage_runner *r)
{
    const tfx_backend_class *cls = r->device->cls;
    for (int i = 0; i < TFX_N_PROGRAMS; i++)
        if (r->execs[i])
            cls->exec_destroy(r->execs[i]);
    cls->buffer_destroy(r->device->backend, r->arena);
    cls->buffer_destroy(r->device->backend, r->state);
    tfx_stage_plan_destroy(r->plan);
}

/* The index-th batch of micro_batch rows: random tokens, targets the next ones. */
static inline void runner_batch(stage_runner *r, uint64_t index)
{
    const tfx_state_tensor *tokens = &r->plan->state.tensors[r->plan->tokens];
    const tfx_state_tensor *targets = &r->plan->state.tensors[r->plan->targets];
    int64_t rows = tokens->dims[0], context = tokens->dims[1];
    int32_t *a = tfx_alloc(tokens->bytes), *b = tfx_alloc(targets->bytes);
    dice d = {.seed = 77, .next = index * (uint64_t)(rows * (context + 1))};
    for (int64_t row = 0; row < rows; row++) {
        int32_t last = (int32_t)dice_below(&d, VOCAB);
        for (int64_t i = 0; i < context; i++) {
            a[row * context + i] = last;
            b[row * context + i] = last = (int32_t)dice_below(&d, VOCAB);
        }
    }
    runner_write(r, tokens, a);
    runner_write(r, targets, b);
    free(a);
    free(b);
}

static inline void runner_execute(stage_runner *r, tfx_program_kind kind)
{
    fill_nan(r->device, r->arena, r->plan->programs[kind].placement->program.arena_bytes);
    ck_assert_int_eq(r->device->cls->run(r->execs[kind], r->state, r->arena), TFX_OK);
}

/* n values of an output of the program that ran last. */
static inline void runner_output(const stage_runner *r, const tfx_tensor *t, float *out, uint64_t n)
{
    ck_assert_ptr_nonnull(t);
    r->device->cls->download(r->device->backend, t->buffer == TFX_BUFFER_STATE ? r->state : r->arena, t->offset, out,
                             n * sizeof(float));
}

/* One optimizer step on the batches that follow step * n_micro; out: mean loss, gradient norm. */
static inline void runner_step(stage_runner *r, uint64_t step, double lr, float out[2])
{
    float lr_value = (float)lr, loss;
    tfx_program_kind pass = tfx_stage_pass(r->plan), last = pass;
    uint32_t key[2] = {1, (uint32_t)step};
    runner_write(r, &r->plan->state.tensors[r->plan->lr], &lr_value);
    runner_write(r, &r->plan->state.tensors[r->plan->key], key);
    out[0] = 0;
    for (int64_t i = 0; i < r->plan->n_micro; i++) {
        runner_batch(r, step * (uint64_t)r->plan->n_micro + (uint64_t)i);
        runner_execute(r, pass);
        runner_output(r, r->plan->programs[pass].loss, &loss, 1);
        out[0] += loss / (float)r->plan->n_micro;
    }
    if (r->execs[TFX_PROGRAM_UPDATE])
        runner_execute(r, last = TFX_PROGRAM_UPDATE);
    runner_output(r, r->plan->programs[last].grad_norm, &out[1], 1);
}

/* Logits of the batch that is set (malloced), and the mean loss computed from them in double
 * precision. */
static inline float *runner_logits(stage_runner *r, double *loss)
{
    const tfx_stage_plan *s = r->plan;
    runner_execute(r, TFX_PROGRAM_EVAL);
    const tfx_state_tensor *at = &s->state.tensors[s->targets];
    uint64_t rows = at->elements, vocab = (uint64_t)s->model->vocab;
    float *logits = tfx_alloc(rows * vocab * sizeof(float));
    runner_output(r, s->programs[TFX_PROGRAM_EVAL].logits, logits, rows * vocab);
    int32_t *targets = runner_read(r, at);
    double total = 0;
    for (uint64_t i = 0; i < rows; i++) {
        double z = 0;
        for (uint64_t v = 0; v < vocab; v++)
            z += exp((double)logits[i * vocab + v]);
        total += log(z) - (double)logits[i * vocab + (uint64_t)targets[i]];
    }
    free(targets);
    *loss = total / (double)rows;
    return logits;
}

static inline double runner_loss(stage_runner *r)
{
    double loss;
    free(runner_logits(r, &loss));
    return loss;
}

/* The whole state. */
static inline char *runner_state(const stage_runner *r)
{
    char *state = tfx_alloc(r->plan->state.bytes);
    r->device->cls->download(r->device->backend, r->state, 0, state, r->plan->state.bytes);
    return state;
}

#endif
