/* Own matrix products by one thread: blocks of both operands are packed (gemm_pack.c), and tiles of the result computed from them
 * (gemm_tiles.c).
 *
 * The loops are those of Goto and van de Geijn (2008): a panel of b stays close to the first-level cache while a block of a goes by,
 * which stays in the second-level cache while a block of b goes by. */
#include "gemm_blocks.h"

#include <string.h>

/* Columns of b that are packed at once. */
enum { BLOCK_COLS = 1024 };

/* What is in a thread's scratch memory: blocks of a and b, and what widening needs. */
typedef struct layout {
    int64_t rows, cols;    /* of blocks */
    uint64_t b, wide, end; /* where they begin, in elements */
} layout;

/* For blocks of so many steps; a product of fewer has room in it, too: neither rows nor steps of a block alone
 * say how much it takes. */
static layout lay_out(const tfx_cpu_terms *t, int64_t m, int64_t n, int64_t steps)
{
    int64_t tall = t->tiles->rows, wide = t->tiles->cols;
    layout y = {.rows = tfx_cpu_min(m, tfx_cpu_block_lines(t, tall)),
                .cols = tfx_cpu_min(BLOCK_COLS, (int64_t)tfx_cpu_round_up((uint64_t)n, (uint64_t)wide))};
    y.b = tfx_cpu_packed(tfx_cpu_min(m * steps, tfx_cpu_max(TFX_CPU_BLOCK_BYTES / 4, tall * steps)));
    y.wide = y.b + tfx_cpu_packed(y.cols * steps);
    y.end = y.wide + tfx_cpu_widening(t);
    return y;
}

void tfx_cpu_multiply_by_blocks(const tfx_cpu_gemm *g, const tfx_cpu_matmul *p, void *scratch)
{
    tfx_cpu_terms t = tfx_cpu_terms_of(g, p->bf16, p->k);
    layout y = lay_out(&t, p->m, p->n, tfx_cpu_block_steps(&t, 0));
    uint32_t *a = scratch, *b = a + y.b, *wide = a + y.wide;
    tfx_cpu_begin(p, 0, p->m, 0, p->n);
    for (int64_t j = 0; j < p->n; j += y.cols)
        for (int64_t l = 0; l < p->k; l += t.depth) {
            int64_t cols = tfx_cpu_min(y.cols, p->n - j);
            tfx_cpu_pack_b(&t, p, l, j, cols, wide, b);
            for (int64_t i = 0; i < p->m; i += y.rows) {
                int64_t rows = tfx_cpu_min(y.rows, p->m - i);
                tfx_cpu_pack_a(&t, p, l, i, rows, wide, a);
                tfx_cpu_multiply_block(&t, p, l, i, rows, j, cols, a, b, 0);
            }
        }
}

uint64_t tfx_cpu_blocks_scratch(const tfx_cpu_gemm *g, int bf16, int64_t m, int64_t n, int64_t k)
{
    /* Of all products with at most k terms, those of one block have the longest. */
    tfx_cpu_terms t = tfx_cpu_terms_of(g, bf16, tfx_cpu_longest_block(bf16, k));
    return lay_out(&t, m, n, tfx_cpu_block_steps(&t, 0)).end * 4;
}

/* ---- any product ---- */

void tfx_cpu_copy_from(const tfx_cpu_matmul *p)
{
    for (int64_t i = 0; p->beta != 0.0f && p->from != p->c && i < p->m; i++)
        memcpy(p->c + i * p->ldc, p->from + i * p->ldc, (size_t)p->n * sizeof(float));
}

/* c = beta * from */
static void sum_of_nothing(const tfx_cpu_matmul *p)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++)
            p->c[i * p->ldc + j] = p->beta == 0.0f ? 0.0f : p->beta * p->from[i * p->ldc + j];
}

void tfx_cpu_multiply(const tfx_cpu_gemm *g, const tfx_cpu_matmul *p, void *scratch)
{
    if (p->k == 0)
        sum_of_nothing(p);
    else if (p->m && p->n)
        g->multiply(g, p, scratch);
}

uint64_t tfx_cpu_multiply_scratch(const tfx_cpu_gemm *g, int bf16, int64_t m, int64_t n, int64_t k)
{
    return m && n && k ? g->scratch_bytes(g, bf16, m, n, k) : 0;
}
