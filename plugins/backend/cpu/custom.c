/* CUSTOM: the kernel that the op's author wrote for the device "cpu", called once per thread
 * with that thread's share. */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

typedef struct custom_args {
    const tfx_kernel *kernel;
    const tfx_node *node;
    const tfx_tensor *const *in; /* [n_in], in the arguments' own memory */
    const tfx_tensor *out;
    const void **pointers; /* [n_parts][n_in], resolved at each run */
    uint32_t n_parts;
} custom_args;

static void custom_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const custom_args *p = args;
    const void **pointers = p->pointers + task * p->node->n_in;
    for (uint32_t i = 0; i < p->node->n_in; i++)
        pointers[i] = tfx_cpu_at(ctx, p->in[i]);
    tfx_kernel_args kernel_args = {.struct_size = sizeof(kernel_args),
                                   .n_in = p->node->n_in,
                                   .in = pointers,
                                   .in_info = p->in,
                                   .out = tfx_cpu_at(ctx, p->out),
                                   .out_info = p->out,
                                   .ints = p->node->ints,
                                   .reals = p->node->reals,
                                   .part = (uint32_t)task,
                                   .n_parts = p->n_parts};
    p->kernel->run(&kernel_args);
}

static const tfx_kernel *cpu_kernel(const tfx_node *node)
{
    for (const tfx_kernel *const *k = node->custom->kernels; *k; k++)
        if (strcmp((*k)->device, "cpu") == 0 && TFX_HAS(*k, run))
            return *k;
    return NULL;
}

static const char *custom_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    (void)c;
    if (!node->custom)
        return "a custom op without a class";
    if (!TFX_HAS(node->custom, kernels))
        return "a custom op without kernels";
    return cpu_kernel(node) ? NULL : "a custom op without a kernel for the cpu";
}

static tfx_status custom_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    size_t n = node->n_in, n_parts = (size_t)c->n_threads;
    custom_args *p = out->args = calloc(1, sizeof(*p) + n * sizeof(tfx_tensor *) + n_parts * n * sizeof(void *));
    if (!p)
        return TFX_E_MEMORY;
    const tfx_tensor **in = (const tfx_tensor **)(p + 1);
    for (uint32_t i = 0; i < node->n_in; i++)
        in[i] = tfx_cpu_in(c, node, i);
    p->in = in;
    p->pointers = (const void **)(in + n);
    p->node = node;
    p->out = tfx_cpu_out(c, node, 0);
    p->kernel = cpu_kernel(node);
    p->n_parts = (uint32_t)n_parts;
    out->n_tasks = c->n_threads;
    out->task = custom_task;
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_custom_ops[] = {{TFX_OP_CUSTOM, 0, UINT32_MAX, 1, custom_check, custom_compile}, {0}};
