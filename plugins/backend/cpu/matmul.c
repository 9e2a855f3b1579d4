/* MATMUL: OpenBLAS's sgemm, single-threaded, on the pool's threads.
 *
 * A product is divided between threads along the longer side of the result, one part each.
 * Measured per half on a Zen 4 core at the shapes of a GPT-2 124M step (rows x columns x
 * inner, GFLOP/s of 103 possible), rows against columns divided: 1024x768x768 98:95,
 * 1024x768x2304 100:93, 2304x768x1024 103:96, 50304x768x1024 99:96, but 1024x2304x768
 * 98:100 and 1024x50304x768 97:101; quarters lose 2 to 8%. Batches with at least as many
 * matrices as threads are divided by matrix. */
#include "kernels.h"

#include <cblas.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Parts are multiples of this: whole vectors, and whole cache lines of a column part. */
#define GRAIN 16

/* Rows per call. OpenBLAS copies some 320 floats of each row into its work area: all 50304
 * rows at once would grow every thread's area to 64 MB, and gain nothing. */
#define MAX_ROWS 8192

/* Multiply-adds below which waking other threads costs more than they save. */
#define SMALL 65536

typedef struct matmul_args {
    const tfx_tensor *a, *b, *c, *out; /* c may be NULL */
    int64_t batch, m, n, k;
    int64_t lda, ldb;
    int trans_a, trans_b;
    float alpha, beta;
    int copy_c;          /* c is elsewhere: bring it to out first */
    int64_t parts;       /* per matrix */
    int over_rows;       /* the parts are rows */
} matmul_args;

typedef struct matmul_job {
    const matmul_args *p;
    const float *a, *b, *c;
    float *out;
} matmul_job;

static void scale(float *out, int64_t ld, int64_t rows, int64_t cols, float beta)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++)
            out[i * ld + j] = beta == 0.0f ? 0.0f : beta * out[i * ld + j];
}

static void matmul_task(void *arg, int64_t task, int worker)
{
    const matmul_job *job = arg;
    const matmul_args *p = job->p;
    (void)worker;
    int64_t matrix = task / p->parts, part = task % p->parts;
    int64_t total = p->over_rows ? p->m : p->n;
    int64_t grains = tfx_cpu_div_up(total, GRAIN);
    int64_t from = tfx_cpu_min(total, tfx_cpu_split(grains, p->parts, part) * GRAIN);
    int64_t to = tfx_cpu_min(total, tfx_cpu_split(grains, p->parts, part + 1) * GRAIN);
    if (from == to)
        return;
    int64_t row = p->over_rows ? from : 0, rows = p->over_rows ? to - from : p->m;
    int64_t col = p->over_rows ? 0 : from, cols = p->over_rows ? p->n : to - from;
    const float *a = job->a + matrix * p->m * p->k + (p->trans_a ? row : row * p->lda);
    const float *b = job->b + matrix * p->k * p->n + (p->trans_b ? col * p->ldb : col);
    float *out = job->out + matrix * p->m * p->n + row * p->n + col;
    if (p->copy_c) {
        const float *c = job->c + matrix * p->m * p->n + row * p->n + col;
        for (int64_t i = 0; i < rows; i++)
            memcpy(out + i * p->n, c + i * p->n, (size_t)cols * sizeof(float));
    }
    if (p->k == 0) {
        scale(out, p->n, rows, cols, p->beta);
        return;
    }
    for (int64_t i = 0; i < rows; i += MAX_ROWS)
        cblas_sgemm(CblasRowMajor, p->trans_a ? CblasTrans : CblasNoTrans,
                    p->trans_b ? CblasTrans : CblasNoTrans, (blasint)tfx_cpu_min(MAX_ROWS, rows - i),
                    (blasint)cols, (blasint)p->k, p->alpha, a + i * (p->trans_a ? 1 : p->lda), (blasint)p->lda,
                    b, (blasint)p->ldb, p->beta, out + i * p->n, (blasint)p->n);
}

static void matmul_run(const tfx_cpu_step *step, const tfx_cpu_ctx *ctx)
{
    const matmul_args *p = step->args;
    matmul_job job = {p, tfx_cpu_at(ctx, p->a), tfx_cpu_at(ctx, p->b), p->c ? tfx_cpu_at(ctx, p->c) : NULL,
                      tfx_cpu_at(ctx, p->out)};
    tfx_cpu_pool_run(ctx->pool, p->batch * p->parts, matmul_task, &job);
}

static const char *matmul_check(const tfx_cpu_compiler *c, const tfx_node *node)
{
    const tfx_tensor *a = tfx_cpu_in(c, node, 0), *b = tfx_cpu_in(c, node, 1), *y = tfx_cpu_out(c, node, 0);
    if (!tfx_cpu_all_f32(c, node))
        return "matmul takes and gives f32 tensors";
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
        return "matmul: a dimension beyond what BLAS can count";
    if (node->n_in == 3 && tfx_cpu_count(tfx_cpu_in(c, node, 2)) != tfx_cpu_count(y))
        return "matmul: the added matrix has another shape";
    return NULL;
}

static tfx_status matmul_compile(const tfx_cpu_compiler *c, const tfx_step *step, tfx_cpu_step *out)
{
    const tfx_node *node = step->nodes[0];
    matmul_args *p = calloc(1, sizeof(*p));
    if (!p)
        return TFX_E_MEMORY;
    const tfx_tensor *a = tfx_cpu_in(c, node, 0), *b = tfx_cpu_in(c, node, 1), *y = tfx_cpu_out(c, node, 0);
    p->a = a;
    p->b = b;
    p->out = y;
    p->trans_a = (node->ints[0] & TFX_TRANS_A) != 0;
    p->trans_b = (node->ints[0] & TFX_TRANS_B) != 0;
    p->alpha = (float)node->reals[0];
    uint32_t r = y->n_dims;
    p->n = y->dims[r - 1];
    p->k = a->dims[r - (p->trans_a ? 2 : 1)];
    if (b->n_dims == 2) {
        p->batch = 1;
        p->m = tfx_cpu_product(y->dims, 0, r - 1);
    } else {
        p->batch = tfx_cpu_product(y->dims, 0, r - 2);
        p->m = y->dims[r - 2];
    }
    p->lda = tfx_cpu_max(1, p->trans_a ? p->m : p->k);
    p->ldb = tfx_cpu_max(1, p->trans_b ? p->k : p->n);
    if (node->n_in == 3 && node->reals[1] != 0.0) {
        p->c = tfx_cpu_in(c, node, 2);
        p->beta = (float)node->reals[1];
        p->copy_c = p->c->buffer != y->buffer || p->c->offset != y->offset;
    }
    if (p->batch >= c->n_threads || (double)p->m * (double)p->n * (double)p->k < SMALL) {
        p->parts = 1;
    } else {
        p->over_rows = p->m >= p->n;
        p->parts = tfx_cpu_min(c->n_threads, tfx_cpu_div_up(p->over_rows ? p->m : p->n, GRAIN));
    }
    if (p->m == 0 || p->n == 0)
        p->batch = 0;
    out->args = p;
    out->run = matmul_run;
    return TFX_OK;
}

const tfx_cpu_op tfx_cpu_matmul_ops[] = {{TFX_OP_MATMUL, 2, 3, 1, matmul_check, matmul_compile}, {0}};
