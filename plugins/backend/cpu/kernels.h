/* What the files of the CPU backend share.
 *
 * Every step of a program is compiled once into a tfx_cpu_step: tasks, whose boundaries depend
 * on shapes and on the number of threads only, and their prepared arguments. Running a program
 * is walking that array. Which thread executes a task is decided by timing and must therefore
 * never change a bit of the result: a task writes what no other task writes, and partial sums
 * go to a place of the task's own and are added up in task order when all are done.
 */
#ifndef TFX_CPU_KERNELS_H
#define TFX_CPU_KERNELS_H

#include <time.h>

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
    const struct tfx_cpu_gemm *gemm;
    uint64_t memory;
    char text[160]; /* describe() */
};

struct tfx_buffer {
    char *data;
    uint64_t mapped;
};

uint64_t tfx_cpu_memory(void); /* physical, or the cgroup's limit if smaller */
/* Zero-filled huge pages; NULL when there is no memory. tfx_cpu_unmap takes what *mapped was. */
char *tfx_cpu_map(uint64_t bytes, uint64_t *mapped);
void tfx_cpu_unmap(char *data, uint64_t mapped);
void tfx_cpu_touch(tfx_cpu_pool *pool, char *data, uint64_t bytes);

tfx_status tfx_cpu_buffer_create(tfx_backend *b, uint64_t bytes, tfx_buffer **out);
void tfx_cpu_buffer_destroy(tfx_backend *b, tfx_buffer *buf);
void tfx_cpu_upload(tfx_backend *b, tfx_buffer *buf, uint64_t offset, const void *src, size_t n);
void tfx_cpu_download(tfx_backend *b, const tfx_buffer *buf, uint64_t offset, void *dst, size_t n);

/* FLOP/s of products, now (measure.c); 0 when there is no memory. */
double tfx_cpu_measure_flops(tfx_backend *b);
double tfx_cpu_measure_bf16_flops(tfx_backend *b);

/* ---- compiled programs (compile.c) ---- */

/* The memory that a step's functions get at run time. */
typedef struct tfx_cpu_ctx {
    char *base[3];      /* by TFX_BUFFER_* */
    const float *table; /* the step's */
    char *scratch;      /* the executing thread's; not for `finish` */
    char *shared;       /* one area for all threads */
    const struct tfx_cpu_gemm *gemm;
    int64_t round; /* of the step */
    int worker;    /* the executing thread; not for `finish` */
} tfx_cpu_ctx;

typedef struct tfx_cpu_step {
    int64_t n_tasks;
    void (*task)(const void *args, const tfx_cpu_ctx *ctx, int64_t task);
    /* What comes before: tasks of another function, all done before the first of `task`. Both together n_rounds times. */
    int64_t n_first, n_rounds; /* 0 rounds: one */
    void (*first)(const void *args, const tfx_cpu_ctx *ctx, int64_t task);
    void (*finish)(const void *args, const tfx_cpu_ctx *ctx); /* when all tasks are done; or NULL */
    void *args;                                               /* freed with the step */
    uint64_t scratch;                                         /* bytes wanted per thread, 64-byte aligned */
    uint64_t shared;                                          /* bytes wanted for all threads together */
    uint64_t table_bytes; /* of constants that `fill` computes when the program is to be run */
    void (*fill)(const void *args, float *table);
    float *table; /* freed with the step; NULL when table_bytes is 0 */
    double seconds;
} tfx_cpu_step;

/* What check and compile functions get. */
typedef struct tfx_cpu_compiler {
    const tfx_program *program;
    int n_threads;
    const struct tfx_cpu_gemm *gemm; /* computes matrix products: gemm.h */
} tfx_cpu_compiler;

#define TFX_CPU_ANY_RESULTS UINT32_MAX /* `check` knows how many there must be */

/* What this backend knows about an op. The rows of a family stand in the file with its kernels
 * and end with one without a compile function; kernel_table.c collects them. */
typedef struct tfx_cpu_op {
    tfx_op op;
    uint32_t min_in, max_in, n_out; /* operands and results */
    /* Why a node with that many operands and results cannot be executed, or NULL. Everything a
     * kernel relies on is checked here, so that running a program cannot fail. */
    const char *(*check)(const tfx_cpu_compiler *c, const tfx_node *node);
    /* Prepares a step of a node that `check` found nothing wrong with, and says what memory it
     * wants; tensors need not have their places yet, and it fails (TFX_E_MEMORY) only for want
     * of memory. */
    tfx_status (*compile)(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
} tfx_cpu_op;

extern const tfx_cpu_op tfx_cpu_attention_ops[], tfx_cpu_cache_ops[], tfx_cpu_custom_ops[], tfx_cpu_gather_ops[],
    tfx_cpu_loss_ops[], tfx_cpu_matmul_ops[], tfx_cpu_move_ops[], tfx_cpu_norm_ops[], tfx_cpu_pointwise_ops[],
    tfx_cpu_rope_ops[], tfx_cpu_softmax_ops[], tfx_cpu_sum_ops[], tfx_cpu_topk_ops[];

/* The row of an op that steps compute, or NULL (kernel_table.c). */
const tfx_cpu_op *tfx_cpu_op_row(tfx_op op);
/* Why a node cannot be executed, or NULL. */
const char *tfx_cpu_check_node(const tfx_cpu_compiler *c, const tfx_node *node);
/* Pointwise steps, of one node or of a group, which may also have ops on rows and sums of the whole domain. */
tfx_status tfx_cpu_compile_pointwise(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out);
/* Whether an op, other than such a sum, may be part of a group. */
int tfx_cpu_is_pointwise(tfx_op op);

/* backend.c's table points to these. */
int tfx_cpu_supports(const tfx_backend *b, const tfx_program *p, const tfx_node *node);
uint64_t tfx_cpu_workspace(const tfx_backend *b, const tfx_program *p);
tfx_status tfx_cpu_compile(tfx_backend *b, const tfx_program *p, tfx_exec **out);
void tfx_cpu_exec_destroy(tfx_exec *e);
tfx_status tfx_cpu_run(tfx_exec *e, tfx_buffer *state, tfx_buffer *arena);
void tfx_cpu_profile(const tfx_exec *e, double *seconds);

/* ---- small helpers ---- */

static inline double tfx_cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void *tfx_cpu_at(const tfx_cpu_ctx *ctx, const tfx_tensor *t)
{
    return ctx->base[t->buffer] + t->offset;
}

static inline const tfx_tensor *tfx_cpu_in(const tfx_cpu_compiler *c, const tfx_node *node, uint32_t i)
{
    return c->program->tensors[node->in[i]];
}

static inline const tfx_tensor *tfx_cpu_out(const tfx_cpu_compiler *c, const tfx_node *node, uint32_t i)
{
    return c->program->tensors[node->out[i]];
}

static inline int tfx_cpu_same_place(const tfx_tensor *a, const tfx_tensor *b)
{
    return a->buffer == b->buffer && a->offset == b->offset;
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

/* ---- what checks ask about operands ---- */

static inline int tfx_cpu_all_f32(const tfx_cpu_compiler *c, const tfx_node *node)
{
    for (uint32_t i = 0; i < node->n_in; i++)
        if (tfx_cpu_in(c, node, i)->dtype != TFX_F32)
            return 0;
    for (uint32_t i = 0; i < node->n_out; i++)
        if (tfx_cpu_out(c, node, i)->dtype != TFX_F32)
            return 0;
    return 1;
}

/* Whether the first n dims of a and b agree; both have as many. */
static inline int tfx_cpu_same_dims(const tfx_tensor *a, const tfx_tensor *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (a->dims[i] != b->dims[i])
            return 0;
    return 1;
}

static inline int tfx_cpu_same_shape(const tfx_tensor *a, const tfx_tensor *b)
{
    return a->n_dims == b->n_dims && tfx_cpu_same_dims(a, b, a->n_dims);
}

/* Whether b's dims are a's followed by `last`. */
static inline int tfx_cpu_extends(const tfx_tensor *a, int64_t last, const tfx_tensor *b)
{
    return b->n_dims == a->n_dims + 1 && b->dims[a->n_dims] == last && tfx_cpu_same_dims(a, b, a->n_dims);
}

/* Whether p is i32 [batch, time] of x [batch, time, ...]. */
static inline int tfx_cpu_are_positions(const tfx_tensor *p, const tfx_tensor *x)
{
    return p->dtype == TFX_I32 && p->n_dims == 2 && x->n_dims >= 2 && tfx_cpu_same_dims(p, x, 2);
}

/* ---- views ---- */

/* How an index maps to memory: dimensions, outermost first, with their strides in elements. */
typedef struct tfx_cpu_view {
    uint32_t n_dims;
    int64_t dims[TFX_MAX_DIMS], strides[TFX_MAX_DIMS];
} tfx_cpu_view;

/* Adds an innermost dimension, merged with the one before it if the strides allow. */
static inline void tfx_cpu_view_add(tfx_cpu_view *v, int64_t dim, int64_t stride)
{
    uint32_t last = v->n_dims - 1;
    if (dim == 1)
        return;
    if (v->n_dims && v->strides[last] == stride * dim) {
        v->dims[last] *= dim;
        v->strides[last] = stride;
    } else {
        v->dims[v->n_dims] = dim;
        v->strides[v->n_dims++] = stride;
    }
}

/* ---- arithmetic ---- */

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

static inline int64_t tfx_cpu_div_up(int64_t n, int64_t by)
{
    return (n + by - 1) / by;
}

/* Rows that are divided between tasks. */
typedef struct tfx_cpu_rows {
    int64_t n, cols, per_task;
} tfx_cpu_rows;

/* So many rows to a task that it touches about `elements` numbers. */
static inline tfx_cpu_rows tfx_cpu_divide_rows(int64_t n, int64_t cols, int64_t elements)
{
    return (tfx_cpu_rows){n, cols, tfx_cpu_max(1, tfx_cpu_min(elements / tfx_cpu_max(cols, 1), n))};
}

/* The rows along a tensor's last dimension. */
static inline tfx_cpu_rows tfx_cpu_last_rows(const tfx_tensor *t, int64_t elements)
{
    uint32_t last = t->n_dims - 1;
    return tfx_cpu_divide_rows(tfx_cpu_product(t->dims, 0, last), t->dims[last], elements);
}

static inline int64_t tfx_cpu_row_tasks(const tfx_cpu_rows *rows)
{
    return tfx_cpu_div_up(rows->n, rows->per_task);
}

/* Where the rows of a task end; they begin at task * per_task. */
static inline int64_t tfx_cpu_rows_end(const tfx_cpu_rows *rows, int64_t task)
{
    return tfx_cpu_min(rows->n, (task + 1) * rows->per_task);
}

#endif
