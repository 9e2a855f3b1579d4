#include "framework/conformance/bench.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/plugin/calls/backend_calls.h"
#include "framework/plugin/options.h"

tfx_status tfx_bench_open(tfx_bench *b, const tfx_registry *registry, const tfx_backend_class *cls, int threads,
                          tfx_error *err)
{
    *b = (tfx_bench){.registry = registry, .cls = cls, .err = err};
    if (!b->cls)
        b->cls = tfx_registry_find(registry, TFX_KIND_BACKEND, "cpu", err);
    if (!b->cls)
        return err->status;
    char text[16];
    snprintf(text, sizeof(text), "%d", threads);
    const tfx_setting setting = {.key = "threads", .value = text, .file = "--set"};
    int takes = threads && tfx_option_find(b->cls->options, b->cls->n_options, "threads");
    tfx_options *o = tfx_options_resolve(b->cls->options, b->cls->n_options, &setting, (size_t)takes, b->cls->name,
                                         err);
    if (o)
        tfx_call_backend_open(b->cls, o, &b->backend, err);
    tfx_options_destroy(o);
    if (b->backend)
        tfx_graph_init(&b->g, &b->state, err);
    return err->status;
}

void tfx_bench_clear(tfx_bench *b, int training, int kernels)
{
    tfx_graph_finish(&b->g);
    tfx_state_finish(&b->state);
    b->state = (tfx_state_layout){0};
    free(b->image);
    b->image = NULL;
    b->image_bytes = 0;
    tfx_graph_init(&b->g, &b->state, b->err);
    b->g.registry = b->registry;
    b->g.training = training;
    b->g.device = kernels ? b->cls->device : NULL;
    b->g.special_kernels = (b->cls->capabilities & TFX_BACKEND_KERNELS) != 0;
}

void tfx_bench_close(tfx_bench *b)
{
    if (!b->backend)
        return;
    tfx_graph_finish(&b->g);
    tfx_state_finish(&b->state);
    free(b->image);
    tfx_call_backend_close(b->cls, b->backend);
    *b = (tfx_bench){0};
}

tfx_value tfx_bench_tensor(tfx_bench *b, tfx_state_kind kind, const char *name, tfx_dtype dtype, uint32_t n_dims,
                           const int64_t *dims)
{
    return tfx_emit_state(&b->g, tfx_state_add(&b->state, kind, name, dtype, n_dims, dims));
}

void tfx_bench_dropout_key(tfx_bench *b)
{
    const int64_t two = 2;
    b->g.dropout_key = tfx_bench_tensor(b, TFX_STATE_INPUT, "/key", TFX_I32, 1, &two);
}

void *tfx_bench_data(tfx_bench *b, uint32_t tensor)
{
    if (b->image_bytes != b->state.bytes) {
        b->image = tfx_realloc(b->image, b->state.bytes);
        memset(b->image + b->image_bytes, 0, b->state.bytes - b->image_bytes);
        b->image_bytes = b->state.bytes;
        for (uint32_t i = 0; i < b->state.n; i++)
            if (b->state.tensors[i].kind == TFX_STATE_ARRAY)
                memcpy(b->image + b->state.tensors[i].offset, b->state.tensors[i].data, b->state.tensors[i].bytes);
    }
    return b->image + b->state.tensors[tensor].offset;
}

uint32_t tfx_bench_index(const tfx_bench *b, tfx_value v)
{
    return (uint32_t)b->g.nodes[b->g.values[v].node].ints[0];
}

static double uniform(uint64_t seed, uint64_t stream, uint64_t i)
{
    return (double)(tfx_random_u64(seed, stream, i) >> 11) * 0x1p-53;
}

void tfx_bench_fill(tfx_bench *b, uint32_t tensor, uint64_t seed, double lo, double hi)
{
    float *x = tfx_bench_data(b, tensor);
    const tfx_state_tensor *t = &b->state.tensors[tensor];
    for (uint64_t i = 0; i < t->elements; i++)
        x[i] = (float)(floor((lo + (hi - lo) * uniform(seed, tfx_random_stream(t->name), i)) * 256 + 0.5) / 256);
}

void tfx_bench_fill_tokens(tfx_bench *b, uint32_t tensor, uint64_t seed, int64_t n)
{
    int32_t *x = tfx_bench_data(b, tensor);
    const tfx_state_tensor *t = &b->state.tensors[tensor];
    for (uint64_t i = 0; i < t->elements; i++)
        x[i] = (int32_t)(tfx_random_u64(seed, tfx_random_stream(t->name), i) % (uint64_t)n);
}

void tfx_bench_fill_params(tfx_bench *b, uint64_t seed)
{
    for (uint32_t i = 0; i < b->state.n; i++) {
        const tfx_state_tensor *t = &b->state.tensors[i];
        if (t->kind != TFX_STATE_PARAM)
            continue;
        double spread = t->flags & TFX_PARAM_FIXED ? 0 : t->init.kind == TFX_INIT_CONSTANT ? 0.25 : 0.5;
        tfx_bench_fill(b, i, seed, t->init.mean - spread, t->init.mean + spread);
        if (!(spread > 0))
            for (uint64_t k = 0; k < t->elements; k++)
                ((float *)tfx_bench_data(b, i))[k] = (float)t->init.mean;
    }
}

static tfx_status fail_unsupported(tfx_bench *b, const tfx_program *program)
{
    for (uint32_t i = 0; i < program->n_steps; i++)
        for (uint32_t k = 0; k < program->steps[i]->n_nodes; k++) {
            const tfx_node *n = program->steps[i]->nodes[k];
            if (!tfx_call_backend_supports(b->cls, b->backend, program, n))
                return tfx_fail(b->err, TFX_E_UNSUPPORTED, "backend '%s' cannot execute %s", b->cls->name,
                                tfx_op_name(n->op));
        }
    return TFX_OK;
}

tfx_status tfx_bench_compile(tfx_bench *b, tfx_bench_program *p, const tfx_value *outputs, uint32_t n, int fuse)
{
    uint32_t can = b->cls->capabilities;
    tfx_fusing most = !(can & TFX_BACKEND_FUSES_POINTWISE) ? TFX_FUSE_NOTHING
                      : can & TFX_BACKEND_FUSES_ROWS       ? TFX_FUSE_ROWS
                                                           : TFX_FUSE_POINTWISE;
    const tfx_placement_options options = {.fuse = fuse ? most : TFX_FUSE_NOTHING, .reuse = 1};
    *p = (tfx_bench_program){.placement = tfx_placement_create(&b->g, outputs, n, &options)};
    if (!p->placement)
        return b->err->status;
    const tfx_program *program = &p->placement->program;
    if (fail_unsupported(b, program) ||
        tfx_call_backend_buffer_create(b->cls, b->backend, b->state.bytes + 64, &p->state, b->err) ||
        tfx_call_backend_buffer_create(b->cls, b->backend, program->arena_bytes + 64, &p->arena, b->err))
        return b->err->status;
    return tfx_call_backend_compile(b->cls, b->backend, program, &p->exec, b->err);
}

tfx_status tfx_bench_execute(tfx_bench *b, tfx_bench_program *p)
{
    uint64_t arena = p->placement->program.arena_bytes;
    char *nan = tfx_alloc(arena + 1);
    memset(nan, 0xff, arena);
    if (b->state.n)
        tfx_bench_data(b, 0); /* all of it */
    tfx_call_backend_upload(b->cls, b->backend, p->state, 0, b->image, b->image_bytes);
    tfx_call_backend_upload(b->cls, b->backend, p->arena, 0, nan, arena);
    free(nan);
    if (tfx_call_backend_run(b->cls, p->exec, p->state, p->arena, b->err) == TFX_OK)
        tfx_call_backend_download(b->cls, b->backend, p->state, 0, b->image, b->image_bytes);
    return b->err->status;
}

static const tfx_tensor *output_tensor(const tfx_bench_program *p, uint32_t output)
{
    return p->placement->program.tensors[p->placement->outputs[output]];
}

uint64_t tfx_bench_count(const tfx_bench_program *p, uint32_t output)
{
    const tfx_tensor *t = output_tensor(p, output);
    return tfx_shape_elements(t->n_dims, t->dims);
}

void tfx_bench_output(tfx_bench *b, const tfx_bench_program *p, uint32_t output, float *dst)
{
    const tfx_tensor *t = output_tensor(p, output);
    assert(t->dtype == TFX_F32);
    tfx_call_backend_download(b->cls, b->backend, t->buffer == TFX_BUFFER_STATE ? p->state : p->arena, t->offset, dst,
                              tfx_bench_count(p, output) * sizeof(float));
}

void tfx_bench_program_finish(tfx_bench *b, tfx_bench_program *p)
{
    tfx_call_backend_exec_destroy(b->cls, p->exec);
    tfx_call_backend_buffer_destroy(b->cls, b->backend, p->arena);
    tfx_call_backend_buffer_destroy(b->cls, b->backend, p->state);
    tfx_placement_destroy(p->placement);
    *p = (tfx_bench_program){0};
}

float *tfx_bench_compute(tfx_bench *b, const tfx_value *outputs, uint32_t n, uint64_t *count)
{
    tfx_bench_program p;
    float *all = NULL;
    *count = 0;
    if (tfx_bench_compile(b, &p, outputs, n, 1) == TFX_OK && tfx_bench_execute(b, &p) == TFX_OK) {
        for (uint32_t i = 0; i < n; i++)
            *count += tfx_bench_count(&p, i);
        all = TFX_NEW_ARRAY(float, *count);
        for (uint64_t i = 0, at = 0; i < n; at += tfx_bench_count(&p, (uint32_t)i), i++)
            tfx_bench_output(b, &p, (uint32_t)i, all + at);
    }
    tfx_bench_program_finish(b, &p);
    return all;
}

uint64_t tfx_first_not_finite(const float *x, uint64_t n)
{
    uint64_t i = 0;
    while (i < n && isfinite(x[i]))
        i++;
    return i;
}

uint64_t tfx_first_difference(const float *x, const float *y, uint64_t n)
{
    uint64_t i = 0;
    while (i < n && !memcmp(&x[i], &y[i], sizeof(float)))
        i++;
    return i;
}
