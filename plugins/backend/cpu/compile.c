/* Programs: from tfx_program to an array of prepared steps, and running it. */
#include "kernels.h"
#include "row_ops.h"

#include <stdlib.h>

struct tfx_exec {
    tfx_backend *backend;
    tfx_cpu_step *steps;
    uint32_t n_steps;
    char *scratch; /* an area per thread, stride bytes apart, then the shared one */
    uint64_t stride, scratch_mapped;
};

int tfx_cpu_supports(const tfx_backend *b, const tfx_program *p, const tfx_node *node)
{
    tfx_cpu_compiler c = {p, b->n_threads, b->gemm};
    return tfx_cpu_check_node(&c, node) == NULL;
}

/* Whether a tensor that a step reads or writes lies within its buffer. */
static int is_placed(const tfx_program *p, const tfx_tensor *t)
{
    uint64_t bytes = tfx_cpu_bytes(t);
    uint64_t size = t->buffer == TFX_BUFFER_STATE ? p->state_bytes : t->buffer == TFX_BUFFER_ARENA ? p->arena_bytes : 0;
    return t->buffer <= TFX_BUFFER_ARENA && (bytes == 0 || (bytes <= size && t->offset <= size - bytes));
}

static int made_in_step(const tfx_step *step, uint32_t before, tfx_value v)
{
    for (uint32_t i = 0; i < before; i++)
        if (step->nodes[i]->n_out && step->nodes[i]->out[0] == v)
            return 1;
    return 0;
}

static const char *check_places(const tfx_program *p, const tfx_step *step)
{
    for (uint32_t i = 0; i < step->n_nodes; i++) {
        const tfx_node *node = step->nodes[i];
        for (uint32_t k = 0; k < node->n_in; k++)
            if (!is_placed(p, p->tensors[node->in[k]]) && !made_in_step(step, i, node->in[k]))
                return "an operand that has no place in memory";
        for (uint32_t k = 0; k < node->n_out; k++) {
            const tfx_tensor *t = p->tensors[node->out[k]];
            int inside = step->n_nodes > 1 && node->op != TFX_OP_SUM && t->buffer == TFX_BUFFER_NONE;
            inside |= node->op == TFX_OP_CUSTOM && node->n_out > 1 && t->buffer == TFX_BUFFER_NONE; /* or never read */
            if (!inside && !is_placed(p, t))
                return "a result that has no place in memory";
        }
        if (TFX_HAS(node, scratch_bytes) &&
            (node->scratch_bytes > p->arena_bytes || node->scratch_offset > p->arena_bytes - node->scratch_bytes))
            return "scratch memory that has no place";
    }
    return NULL;
}

/* What is wrong with a step, or NULL. */
static const char *check_step(const tfx_cpu_compiler *c, const tfx_step *step)
{
    const tfx_program *p = c->program;
    if (step->n_nodes == 0)
        return "a step without nodes";
    int64_t domain = tfx_cpu_product(step->dims, 0, step->n_dims);
    int64_t row = step->n_dims ? step->dims[step->n_dims - 1] : 1;
    for (uint32_t i = 0; i < step->n_nodes; i++) {
        const tfx_node *node = step->nodes[i];
        const char *why = tfx_cpu_check_node(c, node);
        if (why)
            return why;
        if (step->n_nodes == 1)
            continue;
        if (node->op == TFX_OP_SUM) {
            if (tfx_cpu_count(p->tensors[node->out[0]]) != 1)
                return "a fused sum must reduce to one element";
        } else if (!tfx_cpu_is_pointwise(node->op)) {
            return "only pointwise ops, ops on rows and whole sums can be fused";
        } else if (tfx_cpu_is_row_op(node->op) && tfx_cpu_row_op_of(c, node).cols != row) {
            return "a fused node's rows differ from the step's";
        }
        const tfx_tensor *over = node->op == TFX_OP_STORE || node->op == TFX_OP_SUM ? p->tensors[node->in[0]]
                                                                                    : p->tensors[node->out[0]];
        if (tfx_cpu_count(over) != domain)
            return "a fused node's element count differs from the step's domain";
    }
    return NULL;
}

static void free_steps(tfx_cpu_step *steps, uint32_t n)
{
    for (uint32_t i = 0; steps && i < n; i++) {
        free(steps[i].args);
        free(steps[i].table);
    }
    free(steps);
}

/* By the op of its node, or for a group (which may begin with a SUM), pointwise. */
static tfx_status compile_step(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    if (step->n_nodes > 1)
        return tfx_cpu_compile_pointwise(c, step, out);
    return tfx_cpu_op_row(step->nodes[0]->op)->compile(c, step, out);
}

/* What went wrong: with which step, and why (NULL: there was no memory). */
typedef struct failure {
    uint32_t step;
    const char *why;
} failure;

/* Prepares every step up to the point where it is known what memory it wants. */
static tfx_status compile_steps(const tfx_cpu_compiler *c, tfx_cpu_step **out, failure *f)
{
    const tfx_program *p = c->program;
    tfx_cpu_step *steps = calloc(p->n_steps ? p->n_steps : 1, sizeof(*steps));
    *f = (failure){0, NULL};
    *out = NULL;
    tfx_status status = steps ? TFX_OK : TFX_E_MEMORY;
    for (uint32_t i = 0; status == TFX_OK && i < p->n_steps; i++) {
        *f = (failure){i, check_step(c, p->steps[i])};
        status = f->why ? TFX_E_UNSUPPORTED : compile_step(c, p->steps[i], &steps[i]);
    }
    if (status != TFX_OK)
        free_steps(steps, p->n_steps);
    else
        *out = steps;
    return status;
}

/* Makes prepared steps fit to be run. */
static tfx_status complete_steps(const tfx_program *p, tfx_cpu_step *steps, failure *f)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        *f = (failure){i, check_places(p, p->steps[i])};
        if (f->why)
            return TFX_E_UNSUPPORTED;
        if (steps[i].table_bytes == 0)
            continue;
        steps[i].table = malloc(steps[i].table_bytes);
        if (!steps[i].table)
            return TFX_E_MEMORY;
        steps[i].fill(steps[i].args, steps[i].table);
    }
    return TFX_OK;
}

typedef struct sizes {
    uint64_t stride, shared, tables;
} sizes;

static sizes step_sizes(const tfx_cpu_step *steps, uint32_t n)
{
    sizes s = {0, 0, 0};
    for (uint32_t i = 0; i < n; i++) {
        s.stride = steps[i].scratch > s.stride ? steps[i].scratch : s.stride;
        s.shared = steps[i].shared > s.shared ? steps[i].shared : s.shared;
        s.tables += steps[i].table_bytes;
    }
    s.stride = tfx_cpu_round_up(s.stride, 64);
    /* Areas at a multiple of a page apart would compete for the same cache sets. */
    if (s.stride)
        s.stride += 64;
    s.shared = tfx_cpu_round_up(s.shared, 64);
    return s;
}

uint64_t tfx_cpu_workspace(const tfx_backend *b, const tfx_program *p)
{
    tfx_cpu_compiler c = {p, b->n_threads, b->gemm};
    tfx_cpu_step *steps;
    failure f;
    if (compile_steps(&c, &steps, &f) != TFX_OK)
        return 0; /* compile() will say why */
    sizes s = step_sizes(steps, p->n_steps);
    free_steps(steps, p->n_steps);
    return s.stride * (uint64_t)b->n_threads + s.shared + s.tables;
}

tfx_status tfx_cpu_compile(tfx_backend *b, const tfx_program *p, tfx_exec **out)
{
    tfx_cpu_compiler c = {p, b->n_threads, b->gemm};
    tfx_exec *e = calloc(1, sizeof(*e));
    if (!e)
        return b->host->fail(b->host, TFX_E_MEMORY, "cpu: no memory for a program of %u steps", p->n_steps);
    e->backend = b;
    e->n_steps = p->n_steps;
    failure f;
    tfx_status status = compile_steps(&c, &e->steps, &f);
    if (status == TFX_OK)
        status = complete_steps(p, e->steps, &f);
    if (status != TFX_OK) {
        status = f.why ? b->host->fail(b->host, status, "cpu: step %u (op %d): %s", f.step,
                                       p->steps[f.step]->n_nodes ? (int)p->steps[f.step]->nodes[0]->op : 0, f.why)
                       : b->host->fail(b->host, status, "cpu: no memory to prepare step %u", f.step);
        tfx_cpu_exec_destroy(e);
        return status;
    }
    sizes s = step_sizes(e->steps, e->n_steps);
    uint64_t bytes = s.stride * (uint64_t)b->n_threads + s.shared;
    e->stride = s.stride;
    e->scratch = tfx_cpu_map(bytes, &e->scratch_mapped);
    if (!e->scratch) {
        tfx_cpu_exec_destroy(e);
        return b->host->fail(b->host, TFX_E_MEMORY, "cpu: the system refused %.2f GB of scratch memory",
                             (double)bytes * 1e-9);
    }
    tfx_cpu_touch(b->pool, e->scratch, bytes);
    *out = e;
    return TFX_OK;
}

void tfx_cpu_exec_destroy(tfx_exec *e)
{
    if (!e)
        return;
    free_steps(e->steps, e->n_steps);
    tfx_cpu_unmap(e->scratch, e->scratch_mapped);
    free(e);
}

typedef struct step_job {
    const tfx_cpu_step *step;
    void (*task)(const void *args, const tfx_cpu_ctx *ctx, int64_t task);
    uint64_t stride;
    tfx_cpu_ctx ctx; /* of worker 0 */
} step_job;

static void step_task(void *arg, int64_t task, int worker)
{
    const step_job *j = arg;
    tfx_cpu_ctx ctx = j->ctx;
    ctx.scratch += j->stride * (uint64_t)worker;
    ctx.worker = worker;
    j->task(j->step->args, &ctx, task);
}

tfx_status tfx_cpu_run(tfx_exec *e, tfx_buffer *state, tfx_buffer *arena)
{
    tfx_backend *b = e->backend;
    step_job job = {
        NULL, NULL, e->stride, {.scratch = e->scratch, .shared = e->scratch + e->stride * (uint64_t)b->n_threads}};
    job.ctx.gemm = b->gemm;
    job.ctx.base[TFX_BUFFER_STATE] = state ? state->data : NULL;
    job.ctx.base[TFX_BUFFER_ARENA] = arena ? arena->data : NULL;
    double before = tfx_cpu_seconds();
    for (uint32_t i = 0; i < e->n_steps; i++) {
        tfx_cpu_step *step = &e->steps[i];
        job.step = step;
        job.ctx.table = step->table;
        for (job.ctx.round = 0; job.ctx.round == 0 || job.ctx.round < step->n_rounds; job.ctx.round++) {
            job.task = step->first;
            tfx_cpu_pool_run(b->pool, step->n_first, step_task, &job);
            job.task = step->task;
            tfx_cpu_pool_run(b->pool, step->n_tasks, step_task, &job);
        }
        if (step->finish)
            step->finish(step->args, &job.ctx);
        double after = tfx_cpu_seconds();
        step->seconds += after - before;
        before = after;
    }
    return TFX_OK;
}

void tfx_cpu_profile(const tfx_exec *e, double *seconds)
{
    for (uint32_t i = 0; i < e->n_steps; i++)
        seconds[i] = e->steps[i].seconds;
}
