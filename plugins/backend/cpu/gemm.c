/* Own matrix products: blocks of both operands are packed (gemm_pack.c), and tiles of the result computed from them
 * (gemm_tiles.c).
 *
 * The loops are those of Goto and van de Geijn (2008): a panel of b stays in the first-level cache while a block of a goes by,
 * which stays in the second-level cache while a block of b goes by. */
#include "gemm.h"

#include "gemm_tiles.h"
#include "kernels.h"

#include <string.h>

/* Terms of a block: part of the order of additions, and thus the same for every level. Pairs of bf16 are as many bytes. */
enum { DEPTH_F32 = 512, DEPTH_BF16 = 1024 };
enum { BLOCK_COLS = 1024, BLOCK_A_BYTES = 400 << 10 };

/* Terms per block: as even as can be, of bf16 an even number. */
static int64_t depth_for(int bf16, int64_t k)
{
    int64_t most = bf16 ? DEPTH_BF16 : DEPTH_F32;
    return (int64_t)tfx_cpu_round_up((uint64_t)tfx_cpu_div_up(k, tfx_cpu_div_up(k, most)), 2);
}

typedef struct blocking {
    const tfx_cpu_tiles *tiles;
    int64_t depth, rows, cols; /* of blocks */
    int64_t steps;             /* packed elements of a line of a block, at most */
    int widens;                /* tiles are f32, operands are not */
    uint32_t *a, *b, *pairs;   /* scratch memory; pairs: a panel of b, or as many of a, to be widened */
} blocking;

static uint64_t elements_up(int64_t n)
{
    return tfx_cpu_round_up((uint64_t)n + 3, 16); /* see tfx_cpu_pack_f32 */
}

static uint64_t set_blocks(const tfx_cpu_gemm *g, int bf16, int64_t m, int64_t n, int64_t k, void *scratch, blocking *y)
{
    y->tiles = bf16 ? g->bf16 : g->f32;
    y->widens = bf16 && !y->tiles->pairs;
    y->depth = depth_for(bf16, k);
    y->steps = y->tiles->pairs ? y->depth / 2 : y->depth;
    int64_t tall = y->tiles->rows, wide = y->tiles->cols;
    y->rows = tfx_cpu_min(m, tfx_cpu_max(1, BLOCK_A_BYTES / 4 / y->steps / tall) * tall);
    y->cols = tfx_cpu_min(BLOCK_COLS, (int64_t)tfx_cpu_round_up((uint64_t)n, (uint64_t)wide));
    uint64_t a = elements_up(y->rows * y->steps), b = elements_up(y->cols * y->steps);
    y->a = scratch;
    y->b = scratch ? y->a + a : NULL;
    y->pairs = scratch ? y->b + b : NULL;
    return (a + b + (y->widens ? elements_up(tfx_cpu_max(tall, wide) * y->depth / 2) : 0)) * 4;
}

/* Packs a block; where it begins is given by x. */
static void pack(const blocking *y, int bf16, const void *x, int64_t ld, int across, int64_t lines, int64_t depth,
                 int64_t width, int pad, uint32_t *out)
{
    if (!bf16)
        tfx_cpu_pack_f32(x, ld, across, lines, depth, width, pad, out);
    else if (!y->widens)
        tfx_cpu_pack_pairs(x, ld, across, lines, depth, width, pad, out);
    for (int64_t i = 0; y->widens && i < lines; i += width) {
        int64_t n = tfx_cpu_min(width, lines - i), w = pad ? width : n;
        tfx_cpu_pack_pairs((const uint16_t *)x + (across ? i : i * ld), ld, across, n, depth, width, pad, y->pairs);
        tfx_cpu_widen_pairs((depth + 1) / 2, w, y->pairs, out);
        out += (depth + 1) / 2 * 2 * w;
    }
}

static const void *element(const tfx_cpu_matmul *p, const void *x, int64_t at)
{
    return (const char *)x + at * (p->bf16 ? 2 : 4);
}

/* The packed block of a with that of b. */
static void multiply_block(const blocking *y, int64_t rows, int64_t cols, int64_t steps, tfx_cpu_tile_out out)
{
    int64_t tall = y->tiles->rows, wide = y->tiles->cols;
    float *c = out.c;
    const float *from = out.from;
    for (int64_t j = 0; j < cols; j += wide)
        for (int64_t i = 0; i < rows; i += tall) {
            int64_t at = i * out.ldc + j;
            out.cols = tfx_cpu_min(wide, cols - j);
            out.c = c + at;
            out.from = from ? from + at : NULL;
            y->tiles->tile[tfx_cpu_min(tall, rows - i) - 1](steps, y->a + i * steps, y->b + j * steps, &out);
        }
}

/* c = beta * from */
static void scale(const tfx_cpu_matmul *p)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++)
            p->c[i * p->ldc + j] = p->beta == 0.0f ? 0.0f : p->beta * p->from[i * p->ldc + j];
}

static void multiply(const tfx_cpu_gemm *g, const tfx_cpu_matmul *p, void *scratch)
{
    blocking y;
    set_blocks(g, p->bf16, p->m, p->n, p->k, scratch, &y);
    const float *added = p->beta == 0.0f ? NULL : p->from;
    if (added && p->beta != 1.0f) {
        scale(p);
        added = p->c;
    }
    for (int64_t j = 0; j < p->n; j += y.cols) {
        int64_t cols = tfx_cpu_min(y.cols, p->n - j);
        const float *from = added;
        for (int64_t l = 0; l < p->k; l += y.depth, from = p->c) {
            int64_t depth = tfx_cpu_min(y.depth, p->k - l);
            int64_t steps = y.tiles->pairs ? (depth + 1) / 2 : y.widens ? (depth + 1) / 2 * 2 : depth;
            pack(&y, p->bf16, element(p, p->b, p->trans_b ? j * p->ldb + l : l * p->ldb + j), p->ldb, !p->trans_b, cols,
                 depth, y.tiles->cols, 1, y.b);
            for (int64_t i = 0; i < p->m; i += y.rows) {
                int64_t rows = tfx_cpu_min(y.rows, p->m - i), at = i * p->ldc + j;
                pack(&y, p->bf16, element(p, p->a, p->trans_a ? l * p->lda + i : i * p->lda + l), p->lda, p->trans_a,
                     rows, depth, y.tiles->rows, 0, y.a);
                multiply_block(&y, rows, cols, steps,
                               (tfx_cpu_tile_out){
                                   .c = p->c + at, .from = from ? from + at : NULL, .ldc = p->ldc, .alpha = p->alpha});
            }
        }
    }
}

static uint64_t scratch_bytes(const tfx_cpu_gemm *g, int bf16, int64_t m, int64_t n, int64_t k)
{
    blocking y;
    return set_blocks(g, bf16, m, n, k, NULL, &y);
}

/* ---- any product ---- */

void tfx_cpu_multiply(const tfx_cpu_gemm *g, const tfx_cpu_matmul *p, void *scratch)
{
    if (p->k == 0)
        scale(p);
    else if (p->m && p->n)
        g->multiply(g, p, scratch);
}

uint64_t tfx_cpu_multiply_scratch(const tfx_cpu_gemm *g, int bf16, int64_t m, int64_t n, int64_t k)
{
    return m && n && k ? g->scratch_bytes(g, bf16, m, n, k) : 0;
}

/* ---- which there are ---- */

static int has_plain(void)
{
    return 1;
}

static const tfx_cpu_gemm plain = {
    "plain", has_plain, multiply, scratch_bytes, &tfx_cpu_tiles_plain, &tfx_cpu_tiles_plain};

#if defined(__x86_64__)
static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") != 0;
}

static int has_avx512_bf16(void)
{
    return has_avx512() && __builtin_cpu_supports("avx512bf16");
}

static const tfx_cpu_gemm avx2 = {"avx2", has_avx2, multiply, scratch_bytes, &tfx_cpu_tiles_avx2, &tfx_cpu_tiles_avx2};
static const tfx_cpu_gemm avx512 = {
    "avx512", has_avx512, multiply, scratch_bytes, &tfx_cpu_tiles_avx512, &tfx_cpu_tiles_avx512};
static const tfx_cpu_gemm avx512_bf16 = {"avx512_bf16", has_avx512_bf16,       multiply,
                                         scratch_bytes, &tfx_cpu_tiles_avx512, &tfx_cpu_tiles_avx512_bf16};
#endif

const tfx_cpu_gemm *const tfx_cpu_gemms[] = {&plain,
#if defined(__x86_64__)
                                             &avx2,
                                             &avx512,
                                             &avx512_bf16,
#endif
                                             &tfx_cpu_openblas,
                                             NULL};

const tfx_cpu_gemm *tfx_cpu_gemm_named(const char *name)
{
    const tfx_cpu_gemm *best = &tfx_cpu_openblas;
    for (const tfx_cpu_gemm *const *g = tfx_cpu_gemms; *g; g++) {
        if (!strcmp((*g)->name, name))
            return *g;
        if ((*g)->usable() && *g != &plain && *g != &tfx_cpu_openblas)
            best = *g;
    }
    return strcmp(name, "auto") ? NULL : best;
}
