/* What the files of the CPU backend share.
 *
 * Every step of a program is compiled once into a tfx_cpu_step: a function and its prepared
 * arguments. Running a program is walking that array. A step's function divides its
 * work into tasks whose boundaries depend on shapes and on the number of threads only; which
 * thread executes a task is decided by timing and must therefore never change a bit of the
 * result: a task writes what no other task writes, and partial sums go to a place of the
 * task's own and are added up in task order.
 */
#ifndef TFX_CPU_KERNELS_H
#define TFX_CPU_KERNELS_H

#include "tfx/tfx.h"

/* ---- threads (pool.c) ---- */

typedef struct tfx_cpu_pool tfx_cpu_pool;

/* `worker` (0 .. threads-1) names the executing thread, for scratch memory only. */
typedef void (*tfx_cpu_task)(void *arg, int64_t task, int worker);

tfx_cpu_pool *tfx_cpu_pool_create(int n_threads); /* NULL when threads cannot be started */
void tfx_cpu_pool_destroy(tfx_cpu_pool *pool);
/* Executes tasks 0 .. n_tasks-1 and returns when all are done. Not reentrant. */
void tfx_cpu_pool_run(tfx_cpu_pool *pool, int64_t n_tasks, tfx_cpu_task fn, void *arg);

/* ---- the instance (backend.c, buffer.c) ---- */

struct tfx_backend {
    const tfx_host *host;
    tfx_cpu_pool *pool;
    int n_threads;
    uint64_t memory;
    char text[160]; /* describe() */
};

struct tfx_buffer {
    char *data;
    uint64_t bytes; /* as asked for */
    uint64_t mapped;
};

uint64_t tfx_cpu_memory(void);           /* physical, or the cgroup's limit if smaller */
uint64_t tfx_cpu_memory_available(void); /* what can be touched now */
/* Zero-filled huge pages; NULL when there is no memory. tfx_cpu_unmap takes what *mapped was. */
char *tfx_cpu_map(uint64_t bytes, uint64_t *mapped);
void tfx_cpu_unmap(char *data, uint64_t mapped);
void tfx_cpu_touch(tfx_cpu_pool *pool, char *data, uint64_t bytes);

tfx_status tfx_cpu_buffer_create(tfx_backend *b, uint64_t bytes, tfx_buffer **out);
void tfx_cpu_buffer_destroy(tfx_backend *b, tfx_buffer *buf);
void tfx_cpu_upload(tfx_backend *b, tfx_buffer *buf, uint64_t offset, const void *src, size_t n);
void tfx_cpu_download(tfx_backend *b, const tfx_buffer *buf, uint64_t offset, void *dst, size_t n);

/* ---- compiled programs (compile.c) ---- */

/* What a step's function gets at run time. */
typedef struct tfx_cpu_ctx {
    tfx_cpu_pool *pool;
    int n_threads;
    char *base[3];       /* by TFX_BUFFER_* */
    char *scratch;       /* n_threads areas of scratch_stride bytes */
    uint64_t scratch_stride;
    char *shared;        /* one area for all threads */
} tfx_cpu_ctx;

typedef struct tfx_cpu_step tfx_cpu_step;
struct tfx_cpu_step {
    void (*run)(const tfx_cpu_step *step, const tfx_cpu_ctx *ctx);
    void *args;       /* freed with the step */
    float *table;     /* constants of `table_bytes`, freed with the step; may be NULL */
    uint64_t scratch; /* bytes wanted per thread, 64-byte aligned */
    uint64_t shared;  /* bytes wanted for all threads together */
    uint64_t table_bytes;
    double seconds;
};

/* What a compile function gets. When `dry`, tables need not be filled (nor allocated): only
 * the sizes count. */
typedef struct tfx_cpu_compiler {
    const tfx_program *program;
    int n_threads;
    int dry;
} tfx_cpu_compiler;

/* The compile functions, by family. They have been told that check_node found nothing wrong;
 * they fail (TFX_E_MEMORY) only for want of memory. */
typedef tfx_status (*tfx_cpu_compile_fn)(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
tfx_status tfx_cpu_compile_pointwise(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
tfx_status tfx_cpu_compile_matmul(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
tfx_status tfx_cpu_compile_attention(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
tfx_status tfx_cpu_compile_attention_grad(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
tfx_status tfx_cpu_compile_softmax(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
tfx_status tfx_cpu_compile_norm(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
tfx_status tfx_cpu_compile_rope(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
tfx_status tfx_cpu_compile_loss(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
tfx_status tfx_cpu_compile_gather(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
tfx_status tfx_cpu_compile_gather_grad(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
tfx_status tfx_cpu_compile_permute(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
tfx_status tfx_cpu_compile_slab(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
tfx_status tfx_cpu_compile_sum(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
tfx_status tfx_cpu_compile_custom(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);

/* Why a node cannot be executed, or NULL (check.c). */
const char *tfx_cpu_check_node(const tfx_program *p, const tfx_node *node);
/* Whether an op may be part of a fused step. */
int tfx_cpu_is_pointwise(tfx_op op);

/* backend.c's table points to these. */
int tfx_cpu_supports(const tfx_backend *b, const tfx_program *p, const tfx_node *node);
uint64_t tfx_cpu_workspace(const tfx_backend *b, const tfx_program *p);
tfx_status tfx_cpu_compile(tfx_backend *b, const tfx_program *p, tfx_exec **out);
void tfx_cpu_exec_destroy(tfx_exec *e);
tfx_status tfx_cpu_run(tfx_exec *e, tfx_buffer *state, tfx_buffer *arena);
void tfx_cpu_profile(const tfx_exec *e, double *seconds);

/* ---- small helpers ---- */

static inline void *tfx_cpu_at(const tfx_cpu_ctx *ctx, const tfx_tensor *t)
{
    return ctx->base[t->buffer] + t->offset;
}

static inline char *tfx_cpu_scratch(const tfx_cpu_ctx *ctx, int worker)
{
    return ctx->scratch + ctx->scratch_stride * (uint64_t)worker;
}

static inline const tfx_tensor *tfx_cpu_in(const tfx_cpu_compiler *c, const tfx_node *node, uint32_t i)
{
    return c->program->tensors[node->in[i]];
}

static inline const tfx_tensor *tfx_cpu_out(const tfx_cpu_compiler *c, const tfx_node *node, uint32_t i)
{
    return c->program->tensors[node->out[i]];
}

static inline int64_t tfx_cpu_product(const int64_t *dims, uint32_t from, uint32_t to)
{
    int64_t n = 1;
    for (uint32_t i = from; i < to; i++)
        n *= dims[i];
    return n;
}

static inline int64_t tfx_cpu_count(const tfx_tensor *t)
{
    return tfx_cpu_product(t->dims, 0, t->n_dims);
}

static inline uint64_t tfx_cpu_dtype_bytes(tfx_dtype dtype)
{
    return dtype == TFX_BF16 ? 2 : 4;
}

static inline uint64_t tfx_cpu_bytes(const tfx_tensor *t)
{
    return (uint64_t)tfx_cpu_count(t) * tfx_cpu_dtype_bytes(t->dtype);
}

static inline int64_t tfx_cpu_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t tfx_cpu_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline uint64_t tfx_cpu_round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

/* The first index of part `i` of `n` split into `parts` nearly equal parts. */
static inline int64_t tfx_cpu_split(int64_t n, int64_t parts, int64_t i)
{
    return n / parts * i + tfx_cpu_min(i, n % parts);
}

/* Rows per task so that a task touches about `elements` numbers. */
static inline int64_t tfx_cpu_rows_per_task(int64_t rows, int64_t cols, int64_t elements)
{
    int64_t r = elements / tfx_cpu_max(cols, 1);
    return tfx_cpu_max(1, tfx_cpu_min(r, rows));
}

static inline int64_t tfx_cpu_div_up(int64_t n, int64_t by)
{
    return (n + by - 1) / by;
}

#endif
