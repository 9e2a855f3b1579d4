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
    const void **pointers; /* [n_in], resolved at each run */
} custom_args;

typedef struct custom_job {
    const custom_args *args;
    void *out;
    uint32_t n_parts;
} custom_job;

static void custom_task(void *arg, int64_t task, int worker)
{
    const custom_job *j = arg;
    const custom_args *p = j->args;
    (void)worker;
    tfx_kernel_args args = {.struct_size = sizeof(args),
                            .n_in = p->node->n_in,
                            .in = p->pointers,
                            .in_info = p->in,
                            .out = j->out,
                            .out_info = p->out,
                            .ints = p->node->ints,
                            .reals = p->node->reals,
                            .part = (uint32_t)task,
                            .n_parts = j->n_parts};
    p->kernel->run(&args);
}

static void custom_run(const tfx_cpu_step *step, const tfx_cpu_ctx *ctx)
{
    const custom_args *p = step->args;
    for (uint32_t i = 0; i < p->node->n_in; i++)
        p->pointers[i] = tfx_cpu_at(ctx, p->in[i]);
    custom_job job = {p, tfx_cpu_at(ctx, p->out), (uint32_t)ctx->n_threads};
    tfx_cpu_pool_run(ctx->pool, ctx->n_threads, custom_task, &job);
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
    size_t n = node->n_in;
    custom_args *p = calloc(1, sizeof(*p) + n * (sizeof(tfx_tensor *) + sizeof(void *)));
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
    out->args = p;
    out->run = custom_run;
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_custom_ops[] = {{TFX_OP_CUSTOM, 0, UINT32_MAX, 1, custom_check, custom_compile}, {0}};
