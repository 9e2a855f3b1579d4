/* MATMUL on the pool's threads.
 *
 * A large product of our own is computed by all threads together (gemm_shared.h). Otherwise products are of one thread: of a
 * batch with at least as many matrices as threads each is a task; one is divided along the longer side of the result, one part for each
 * thread. */
#include "gemm_shared.h"

#include <limits.h>
#include <stdlib.h>

/* Parts are multiples of this: whole tiles of columns. */
#define GRAIN 32

/* Rows per call. OpenBLAS copies some 320 floats of each row into its work area: all 50304
 * rows at once would grow every thread's area to 64 MB, and gain nothing. */
#define MAX_ROWS 8192

/* Multiply-adds from which on threads share what they pack: two microseconds that they wait for each other are worth it. */
#define SHARED (1 << 27)

/* Multiply-adds below which waking other threads costs more than they save. */
#define SMALL 65536

typedef struct matmul_args {
    const tfx_tensor *a, *b, *out;
    const tfx_tensor *c; /* what is added, or NULL */
    int64_t m, n, k;
    int64_t lda, ldb;
    int trans_a, trans_b;
    int bf16; /* a and b are */
    float alpha, beta;
    int64_t parts;  /* per matrix */
    int over_rows;  /* the parts are rows */
    int64_t blocks; /* per part, of MAX_ROWS rows */
    tfx_cpu_shared shared;
} matmul_args;

/* The address of an element of a matrix. */
static const char *element(const matmul_args *p, const tfx_cpu_ctx *ctx, const tfx_tensor *t, int64_t at)
{
    return (const char *)tfx_cpu_at(ctx, t) + at * (p->bf16 ? 2 : 4);
}

/* What a task computes: rows [row, row_end) and columns [col, col_end) of one matrix. */
typedef struct matmul_share {
    int64_t matrix, row, row_end, col, col_end;
} matmul_share;

static matmul_share share_of(const matmul_args *p, int64_t task)
{
    int64_t block = task % p->blocks, part = task / p->blocks % p->parts;
    int64_t total = p->over_rows ? p->m : p->n, grains = tfx_cpu_div_up(total, GRAIN);
    int64_t from = tfx_cpu_min(total, tfx_cpu_split(grains, p->parts, part) * GRAIN);
    int64_t to = tfx_cpu_min(total, tfx_cpu_split(grains, p->parts, part + 1) * GRAIN);
    matmul_share s = {task / (p->blocks * p->parts), 0, p->m, 0, p->n};
    if (p->over_rows)
        s.row = from, s.row_end = to;
    else
        s.col = from, s.col_end = to;
    s.row = tfx_cpu_min(s.row_end, s.row + block * MAX_ROWS);
    s.row_end = tfx_cpu_min(s.row_end, s.row + MAX_ROWS);
    return s;
}

static tfx_cpu_matmul product_of(const matmul_args *p, const tfx_cpu_ctx *ctx, const matmul_share *s)
{
    int64_t at = (s->matrix * p->m + s->row) * p->n + s->col;
    return (tfx_cpu_matmul){
        .bf16 = p->bf16,
        .trans_a = p->trans_a,
        .trans_b = p->trans_b,
        .m = s->row_end - s->row,
        .n = s->col_end - s->col,
        .k = p->k,
        .alpha = p->alpha,
        .beta = p->beta,
        .a = element(p, ctx, p->a, s->matrix * p->m * p->k + (p->trans_a ? s->row : s->row * p->lda)),
        .b = element(p, ctx, p->b, s->matrix * p->k * p->n + (p->trans_b ? s->col * p->ldb : s->col)),
        .from = p->c ? (const float *)tfx_cpu_at(ctx, p->c) + at : NULL,
        .c = (float *)tfx_cpu_at(ctx, p->out) + at,
        .lda = p->lda,
        .ldb = p->ldb,
        .ldc = p->n,
    };
}

static void matmul_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const matmul_args *p = args;
    matmul_share s = share_of(p, task);
    tfx_cpu_matmul product = product_of(p, ctx, &s);
    if (product.m == 0 || product.n == 0)
        return;
    if (p->m == 1)
        tfx_cpu_gemv(&product, (float *)(void *)ctx->scratch);
    else
        tfx_cpu_multiply(ctx->gemm, &product, ctx->scratch);
}

static tfx_cpu_matmul whole_product(const matmul_args *p, const tfx_cpu_ctx *ctx)
{
    return product_of(p, ctx, &(matmul_share){0, 0, p->m, 0, p->n});
}

static void pack_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const matmul_args *p = args;
    tfx_cpu_matmul product = whole_product(p, ctx);
    tfx_cpu_shared_pack(&p->shared, &product, ctx->round, task, (uint32_t *)(void *)ctx->shared,
                        (uint32_t *)(void *)ctx->scratch);
}

static void multiply_task(const void *args, const tfx_cpu_ctx *ctx, int64_t task)
{
    const matmul_args *p = args;
    tfx_cpu_matmul product = whole_product(p, ctx);
    tfx_cpu_shared_multiply(&p->shared, &product, ctx->round, task, (uint32_t *)(void *)ctx->shared,
                            (uint32_t *)(void *)ctx->scratch);
}

static const char *matmul_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_tensor *a = tfx_cpu_in(c, node, 0), *b = tfx_cpu_in(c, node, 1), *y = tfx_cpu_out(c, node, 0);
    if (a->dtype != b->dtype || (a->dtype != TFX_F32 && a->dtype != TFX_BF16) || y->dtype != TFX_F32 ||
        (node->n_in == 3 && tfx_cpu_in(c, node, 2)->dtype != TFX_F32))
        return "matmul takes two f32 or two bf16 tensors and gives f32";
    if (a->n_dims < 2 || b->n_dims < 2 || y->n_dims != a->n_dims)
        return "matmul needs matrices";
    int ta = (node->ints[0] & TFX_TRANS_A) != 0, tb = (node->ints[0] & TFX_TRANS_B) != 0;
    int64_t a0 = a->dims[a->n_dims - 2], a1 = a->dims[a->n_dims - 1];
    int64_t b0 = b->dims[b->n_dims - 2], b1 = b->dims[b->n_dims - 1];
    int64_t m = ta ? a1 : a0, k = ta ? a0 : a1, kb = tb ? b1 : b0, cols = tb ? b0 : b1;
    if (k != kb)
        return "matmul: inner dimensions differ";
    if (y->dims[y->n_dims - 2] != m || y->dims[y->n_dims - 1] != cols)
        return "matmul: the result has another shape";
    if (!tfx_cpu_same_dims(a, y, a->n_dims - 2) ||
        (b->n_dims != 2 && (b->n_dims != a->n_dims || !tfx_cpu_same_dims(a, b, a->n_dims - 2))))
        return "matmul: leading dimensions differ";
    if (a->n_dims > 2 && b->n_dims == 2 && ta)
        return "matmul: a transposed batch against one matrix";
    int64_t rows = b->n_dims == 2 ? tfx_cpu_product(y->dims, 0, y->n_dims - 1) : m;
    if (rows > INT_MAX || cols > INT_MAX || k > INT_MAX)
        return "matmul: a dimension beyond what products count";
    if (node->n_in == 3 && tfx_cpu_count(tfx_cpu_in(c, node, 2)) != tfx_cpu_count(y))
        return "matmul: the added matrix has another shape";
    return NULL;
}

static tfx_status matmul_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    matmul_args *p = out->args = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    const tfx_tensor *a = tfx_cpu_in(c, node, 0), *b = tfx_cpu_in(c, node, 1), *y = tfx_cpu_out(c, node, 0);
    p->a = a;
    p->b = b;
    p->out = y;
    p->trans_a = (node->ints[0] & TFX_TRANS_A) != 0;
    p->trans_b = (node->ints[0] & TFX_TRANS_B) != 0;
    p->bf16 = a->dtype == TFX_BF16;
    p->alpha = (float)node->reals[0];
    uint32_t r = y->n_dims;
    p->n = y->dims[r - 1];
    p->k = a->dims[r - (p->trans_a ? 2 : 1)];
    /* Against one matrix b, all rows of a batch are one matrix. */
    int64_t batch = b->n_dims == 2 ? 1 : tfx_cpu_product(y->dims, 0, r - 2);
    p->m = b->n_dims == 2 ? tfx_cpu_product(y->dims, 0, r - 1) : y->dims[r - 2];
    p->lda = tfx_cpu_max(1, p->trans_a ? p->m : p->k);
    p->ldb = tfx_cpu_max(1, p->trans_b ? p->k : p->n);
    if (node->n_in == 3 && node->reals[1] != 0.0) {
        p->beta = (float)node->reals[1];
        p->c = tfx_cpu_in(c, node, 2);
    }
    double work = (double)p->m * (double)p->n * (double)p->k;
    if (batch == 1 && p->m > 1 && c->n_threads > 1 && work >= SHARED && c->gemm->f32 &&
        !(p->bf16 && c->gemm->bf16_whole)) {
        p->shared = tfx_cpu_share(c->gemm, p->bf16, p->m, p->n, p->k, c->n_threads);
        out->first = pack_task;
        out->n_first = p->shared.n_pack;
        out->task = multiply_task;
        out->n_tasks = p->shared.n_tasks;
        out->n_rounds = p->shared.n_rounds;
        out->scratch = p->shared.scratch_bytes;
        out->shared = p->shared.shared_bytes;
        return TFX_OK;
    }
    int64_t rows = p->m; /* of the largest part */
    p->parts = 1;
    if (batch < c->n_threads && work >= SMALL) {
        p->over_rows = p->m >= p->n;
        int64_t grains = tfx_cpu_div_up(p->over_rows ? p->m : p->n, GRAIN);
        p->parts = tfx_cpu_min(c->n_threads, grains);
        if (p->over_rows)
            rows = tfx_cpu_min(p->m, tfx_cpu_div_up(grains, p->parts) * GRAIN);
    }
    p->blocks = tfx_cpu_max(1, tfx_cpu_div_up(rows, MAX_ROWS));
    out->n_tasks = p->m == 0 || p->n == 0 ? 0 : batch * p->parts * p->blocks;
    out->task = matmul_task;
    out->scratch = p->m == 1 ? tfx_cpu_gemv_scratch(p->k)
                             : tfx_cpu_multiply_scratch(c->gemm, p->bf16, rows, p->n, p->k);
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_matmul_ops[] = {{TFX_OP_MATMUL, 2, 3, 1, matmul_check, matmul_compile}, {0}};
