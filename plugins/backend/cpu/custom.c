/* CUSTOM: the kernel that the op's author wrote for the device "cpu", called once per thread and phase
 * with that thread's share. */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

typedef struct custom_args {
    const tfx_kernel *kernel;
    const tfx_node *node;
    const tfx_tensor *const *in, *const *out; /* [n_in] and [n_out], in the arguments' own memory */
    void **pointers;                          /* [n_parts][n_in + n_out], resolved at each run */
    uint32_t n_parts;
} custom_args;

static void custom_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const custom_args *p = args;
    const tfx_node *node = p->node;
    void **in = p->pointers + task * (node->n_in + node->n_out), **out = in + node->n_in;
    for (uint32_t i = 0; i < node->n_in; i++)
        in[i] = tfx_cpu_at(ctx, p->in[i]);
    for (uint32_t k = 0; k < node->n_out; k++)
        out[k] = p->out[k]->buffer == TFX_BUFFER_NONE ? NULL : tfx_cpu_at(ctx, p->out[k]);
    tfx_kernel_args kernel_args = {
        .struct_size = sizeof(kernel_args),
        .n_in = node->n_in,
        .in = (const void *const *)in,
        .in_info = p->in,
        .out = out[0],
        .out_info = p->out[0],
        .ints = node->ints,
        .reals = node->reals,
        .part = (uint32_t)task,
        .n_parts = p->n_parts,
        .n_out = node->n_out,
        .outs = out,
        .outs_info = p->out,
        .phase = (uint32_t)ctx->round,
        .scratch = TFX_HAS(node, scratch_bytes) ? ctx->base[TFX_BUFFER_ARENA] + node->scratch_offset : NULL,
        .part_scratch = ctx->scratch,
    };
    p->kernel->run(&kernel_args);
}

static const tfx_kernel *cpu_kernel(const tfx_node *node)
{
    for (const tfx_kernel *const *k = node->custom->kernels; *k; k++)
        if (strcmp((*k)->device, "cpu") == 0 && TFX_HAS(*k, run))
            return *k;
    return NULL;
}

enum { MOST_OPERANDS = 64 };

static const tfx_tensor *const *operands(const tfx_cpu_compiler *c, const tfx_node *node, const tfx_tensor **in)
{
    for (uint32_t i = 0; i < node->n_in; i++)
        in[i] = tfx_cpu_in(c, node, i);
    return in;
}

static const char *custom_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_tensor *in[MOST_OPERANDS];
    if (!node->custom)
        return "a custom op without a class";
    if (!TFX_HAS(node->custom, kernels))
        return "a custom op without kernels";
    const tfx_kernel *kernel = cpu_kernel(node);
    if (!kernel)
        return "a custom op without a kernel for the cpu";
    if (node->n_in > MOST_OPERANDS)
        return "a custom op with too many operands";
    uint64_t given = TFX_HAS(node, scratch_bytes) ? node->scratch_bytes : 0;
    if (TFX_HAS(kernel, scratch) && kernel->scratch(node->n_in, operands(c, node, in), node->ints, node->reals) > given)
        return "a custom op whose kernel has less scratch memory than it wants";
    if (node->n_out != (TFX_HAS(node->custom, n_results) ? node->custom->n_results : 1))
        return "a custom op with another number of results";
    return NULL;
}

static tfx_status custom_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    size_t n = (size_t)node->n_in + node->n_out, n_parts = (size_t)c->n_threads;
    custom_args *p = out->args = calloc(1, sizeof(*p) + n * sizeof(tfx_tensor *) + n_parts * n * sizeof(void *));
    if (!p)
        return TFX_E_MEMORY;
    const tfx_tensor **tensors = (const tfx_tensor **)(p + 1);
    operands(c, node, tensors);
    for (uint32_t k = 0; k < node->n_out; k++)
        tensors[node->n_in + k] = tfx_cpu_out(c, node, k);
    p->in = tensors;
    p->out = tensors + node->n_in;
    p->pointers = (void **)(tensors + n);
    p->node = node;
    p->kernel = cpu_kernel(node);
    p->n_parts = (uint32_t)n_parts;
    out->n_tasks = c->n_threads;
    out->task = custom_task;
    out->n_rounds = TFX_HAS(p->kernel, n_phases) ? p->kernel->n_phases : 1;
    if (TFX_HAS(p->kernel, part_scratch))
        out->scratch = tfx_cpu_round_up(p->kernel->part_scratch(node->n_in, p->in, node->ints, node->reals), 64);
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_custom_ops[] = {
    {TFX_OP_CUSTOM, 0, UINT32_MAX, TFX_CPU_ANY_RESULTS, custom_check, custom_compile}, {0}};
