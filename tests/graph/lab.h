/* A graph on a bench: state tensors with host data, the real CPU backend, and programs
 * planned from the graph. What the tests of the engine share.
 *
 * State lives in `image`, a host copy of the state buffer that goes up before each run and
 * comes back after it. The arena is filled with NaN before each run, so that a program that
 * reads what it has not written is seen. Check writes a record for every assertion that
 * holds: keep them out of loops over elements. */
#ifndef TFX_TESTS_LAB_H
#define TFX_TESTS_LAB_H

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/graph/autodiff.h"
#include "framework/graph/builder.h"
#include "framework/graph/placement.h"
#include "framework/plan/stage.h"
#include "framework/plugin/options.h"
#include "framework/plugin/calls/backend_calls.h"
#include "framework/plugin/registry.h"

typedef struct shape {
    uint32_t n;
    int64_t d[TFX_MAX_DIMS];
} shape;

#define SHAPE(...) ((shape){sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), {__VA_ARGS__}})
#define SCALAR ((shape){0, {0}})

static inline uint64_t shape_count(shape s)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < s.n; i++)
        n *= (uint64_t)s.d[i];
    return n;
}

/* ---- random numbers of the tests: a stream that is the same on every run ---- */

typedef struct dice {
    uint64_t seed, next;
} dice;

static inline uint64_t dice_u64(dice *d)
{
    return tfx_random_u64(d->seed, 0x7e57, d->next++);
}

/* An integer in [0, n). */
static inline uint32_t dice_below(dice *d, uint32_t n)
{
    return (uint32_t)(dice_u64(d) % n);
}

static inline double dice_range(dice *d, double lo, double hi)
{
    return lo + (hi - lo) * (double)(dice_u64(d) >> 11) * 0x1p-53;
}

/* ---- the device ---- */

static inline void device_open(tfx_device *device, const tfx_registry *registry, const char *threads)
{
    tfx_error err = {0};
    const tfx_backend_class *cls = tfx_registry_find(registry, TFX_KIND_BACKEND, "cpu", &err);
    ck_assert_msg(cls != NULL, "%s", err.text);
    tfx_setting setting = {"threads", threads, "test", 0};
    tfx_options *options = tfx_options_resolve(cls->options, cls->n_options, &setting, 1, "backend cpu", &err);
    ck_assert_msg(options != NULL, "%s", err.text);
    *device = (tfx_device){.cls = cls};
    ck_assert_msg(tfx_call_backend_open(cls, options, &device->backend, &err) == TFX_OK, "%s", err.text);
    tfx_options_destroy(options);
}

static inline void device_close(tfx_device *device)
{
    tfx_call_backend_close(device->cls, device->backend);
}

/* ---- the bench ---- */

typedef struct lab {
    tfx_error err;
    tfx_registry *registry;
    tfx_device device;
    tfx_state_layout state;
    tfx_graph g;
    tfx_builder b;
    char *image;
    uint64_t image_bytes;
} lab;

static inline void lab_open(lab *l)
{
    *l = (lab){0};
    l->registry = tfx_registry_open("", &l->err);
    ck_assert_msg(l->registry != NULL, "%s", l->err.text);
    device_open(&l->device, l->registry, "2");
    tfx_graph_init(&l->g, &l->state, &l->err);
    tfx_builder_for_graph(&l->b, &l->g);
}

/* Forgets graph and state, keeps the device. */
static inline void lab_reset(lab *l)
{
    tfx_graph_finish(&l->g);
    tfx_state_finish(&l->state);
    free(l->image);
    l->image = NULL;
    l->image_bytes = 0;
    l->err = (tfx_error){0};
    tfx_graph_init(&l->g, &l->state, &l->err);
    tfx_builder_for_graph(&l->b, &l->g);
}

static inline void lab_close(lab *l)
{
    lab_reset(l);
    tfx_graph_finish(&l->g);
    device_close(&l->device);
    tfx_registry_close(l->registry);
}

static inline void lab_ok(const lab *l)
{
    ck_assert_msg(l->err.status == TFX_OK, "%s", l->err.text);
}

/* A new state tensor, zero; its value in the graph. */
static inline tfx_value lab_tensor(lab *l, tfx_state_kind kind, tfx_dtype dtype, shape s)
{
    char name[32];
    snprintf(name, sizeof(name), "tensor%u", l->state.n);
    uint32_t at = tfx_state_add(&l->state, kind, name, dtype, s.n, s.d);
    l->image = tfx_realloc(l->image, l->state.bytes);
    memset(l->image + l->image_bytes, 0, l->state.bytes - l->image_bytes);
    l->image_bytes = l->state.bytes;
    return tfx_emit_state(&l->g, at);
}

static inline tfx_value lab_param(lab *l, shape s)
{
    return lab_tensor(l, TFX_STATE_PARAM, TFX_F32, s);
}

static inline tfx_value lab_input(lab *l, tfx_dtype dtype, shape s)
{
    return lab_tensor(l, TFX_STATE_INPUT, dtype, s);
}

static inline const tfx_state_tensor *lab_state_of(const lab *l, tfx_value source)
{
    const tfx_graph_node *n = &l->g.nodes[l->g.values[source].node];
    return &l->state.tensors[n->ints[0]];
}

/* Host data of a state tensor's value; valid until the next tensor is added. */
static inline void *lab_data(const lab *l, tfx_value source)
{
    return l->image + lab_state_of(l, source)->offset;
}

/* Multiples of 1/64 in [lo, hi]: steps of a power of two away from them are exact. */
static inline void lab_fill(const lab *l, tfx_value source, dice *d, double lo, double hi)
{
    float *x = lab_data(l, source);
    for (uint64_t i = 0; i < lab_state_of(l, source)->elements; i++)
        x[i] = (float)(floor(dice_range(d, lo, hi) * 64 + 0.5) / 64);
}

static inline tfx_value lab_filled(lab *l, tfx_state_kind kind, shape s, dice *d, double lo, double hi)
{
    tfx_value v = lab_tensor(l, kind, TFX_F32, s);
    lab_fill(l, v, d, lo, hi);
    return v;
}

static inline shape lab_shape(const lab *l, tfx_value v)
{
    shape s = {.n = l->g.values[v].n_dims};
    memcpy(s.d, l->g.values[v].dims, sizeof(s.d));
    return s;
}

/* ---- programs ---- */

typedef struct lab_program {
    tfx_placement *placement;
    tfx_exec *exec;
    tfx_buffer *state, *arena;
} lab_program;

enum { FUSE = 1, REUSE = 2 };

/* What has come to the state since the last tensor of the tests: arrays, and their numbers. */
static inline void lab_take_arrays(lab *l)
{
    if (l->state.bytes > l->image_bytes) /* pointers into it stay good otherwise */
        l->image = tfx_realloc(l->image, l->state.bytes + 1);
    l->image_bytes = l->state.bytes;
    for (uint32_t i = 0; i < l->state.n; i++)
        if (l->state.tensors[i].kind == TFX_STATE_ARRAY)
            memcpy(l->image + l->state.tensors[i].offset, l->state.tensors[i].data, l->state.tensors[i].bytes);
}

/* Plans and compiles what the outputs and the stores of the graph need. */
static inline lab_program lab_plan(lab *l, const tfx_value *outputs, uint32_t n, int flags)
{
    const tfx_backend_class *cls = l->device.cls;
    tfx_placement_options options = {.fuse = flags & FUSE ? TFX_FUSE_ROWS : TFX_FUSE_NOTHING,
                                     .reuse = (flags & REUSE) != 0};
    lab_program p = {.placement = tfx_placement_create(&l->g, outputs, n, &options)};
    lab_ok(l);
    const tfx_program *program = &p.placement->program;
    int supported = 1;
    for (uint32_t i = 0; i < program->n_steps; i++)
        for (uint32_t k = 0; k < program->steps[i]->n_nodes; k++)
            supported &= tfx_call_backend_supports(cls, l->device.backend, program, program->steps[i]->nodes[k]);
    ck_assert_msg(supported, "the backend refuses a node");
    tfx_call_backend_buffer_create(cls, l->device.backend, l->state.bytes ? l->state.bytes : 64, &p.state, &l->err);
    tfx_call_backend_buffer_create(cls, l->device.backend, program->arena_bytes + 64, &p.arena, &l->err);
    lab_ok(l);
    tfx_call_backend_compile(cls, l->device.backend, program, &p.exec, &l->err);
    lab_ok(l);
    return p;
}

static inline void lab_program_finish(lab *l, lab_program *p)
{
    const tfx_backend_class *cls = l->device.cls;
    tfx_call_backend_exec_destroy(cls, p->exec);
    tfx_call_backend_buffer_destroy(cls, l->device.backend, p->arena);
    tfx_call_backend_buffer_destroy(cls, l->device.backend, p->state);
    tfx_placement_destroy(p->placement);
}

static inline void fill_nan(const tfx_device *d, tfx_buffer *buffer, uint64_t bytes)
{
    char *nan = malloc(bytes + 1);
    memset(nan, 0xff, bytes); /* a NaN as f32 and as bf16, a wild number as i32 */
    tfx_call_backend_upload(d->cls, d->backend, buffer, 0, nan, bytes);
    free(nan);
}

/* Runs on the state image, whose new contents it brings back. */
static inline void lab_run(lab *l, lab_program *p)
{
    const tfx_device *d = &l->device;
    lab_take_arrays(l);
    tfx_call_backend_upload(d->cls, d->backend, p->state, 0, l->image, l->image_bytes);
    fill_nan(d, p->arena, p->placement->program.arena_bytes);
    tfx_call_backend_run(d->cls, p->exec, p->state, p->arena, &l->err);
    lab_ok(l);
    tfx_call_backend_download(d->cls, d->backend, p->state, 0, l->image, l->image_bytes);
}

static inline uint64_t lab_output_count(const lab_program *p, uint32_t index)
{
    const tfx_tensor *t = p->placement->program.tensors[p->placement->outputs[index]];
    uint64_t n = 1;
    for (uint32_t i = 0; i < t->n_dims; i++)
        n *= (uint64_t)t->dims[i];
    return n;
}

static inline void lab_output(lab *l, const lab_program *p, uint32_t index, float *dst)
{
    const tfx_tensor *t = p->placement->program.tensors[p->placement->outputs[index]];
    ck_assert_msg(t->dtype == TFX_F32 && t->buffer != TFX_BUFFER_NONE, "output %u has no place", index);
    l->device.cls->download(l->device.backend, t->buffer == TFX_BUFFER_STATE ? p->state : p->arena, t->offset, dst,
                            lab_output_count(p, index) * sizeof(float));
}

/* ---- comparing ---- */

static inline double norm_of(const double *x, uint64_t n)
{
    double total = 0;
    for (uint64_t i = 0; i < n; i++)
        total += x[i] * x[i];
    return sqrt(total);
}

/* |x - y| / |y| over vectors; NaN when there is one. */
static inline double distance(const double *x, const double *y, uint64_t n)
{
    double total = 0, size = norm_of(y, n);
    for (uint64_t i = 0; i < n; i++)
        total += (x[i] - y[i]) * (x[i] - y[i]);
    return size > 0 ? sqrt(total) / size : sqrt(total);
}

/* Whether every part is in the message. */
static inline void check_text(const tfx_error *err, const char *const *parts)
{
    ck_assert_msg(err->status != TFX_OK, "expected an error");
    for (; *parts; parts++)
        ck_assert_msg(strstr(err->text, *parts) != NULL, "\"%s\" is not in: %s", *parts, err->text);
}
#define ERROR_SAYS(err, ...) check_text(err, (const char *const[]){__VA_ARGS__, NULL})

#endif
