#include "gemm_blocks.h"

/* Terms of a block: part of the order of additions, and thus the same for every level. Pairs of bf16 are as many bytes. */
enum { DEPTH_F32 = 512, DEPTH_BF16 = 1024 };

/* As even as can be, and an even number. */
static int64_t depth_for(int bf16, int64_t k)
{
    int64_t most = bf16 ? DEPTH_BF16 : DEPTH_F32;
    return (int64_t)tfx_cpu_round_up((uint64_t)tfx_cpu_div_up(k, tfx_cpu_div_up(k, most)), 2);
}

int64_t tfx_cpu_longest_block(int bf16, int64_t k)
{
    return tfx_cpu_min(k, bf16 ? DEPTH_BF16 : DEPTH_F32);
}

tfx_cpu_terms tfx_cpu_terms_of(const tfx_cpu_gemm *g, int bf16, int64_t k)
{
    const tfx_cpu_tiles *tiles = bf16 ? g->bf16 : g->f32;
    return (tfx_cpu_terms){tiles, bf16, bf16 && !tiles->pairs, k, depth_for(bf16, k)};
}

int64_t tfx_cpu_block_steps(const tfx_cpu_terms *t, int64_t l)
{
    int64_t depth = tfx_cpu_min(t->depth, t->k - l), pairs = (depth + 1) / 2;
    return t->tiles->pairs ? pairs : t->widens ? 2 * pairs : depth;
}

int64_t tfx_cpu_block_lines(const tfx_cpu_terms *t, int64_t width)
{
    return tfx_cpu_max(1, TFX_CPU_BLOCK_BYTES / 4 / tfx_cpu_block_steps(t, 0) / width) * width;
}

uint64_t tfx_cpu_packed(int64_t n)
{
    return tfx_cpu_round_up((uint64_t)n, 16);
}

uint64_t tfx_cpu_widening(const tfx_cpu_terms *t)
{
    int64_t width = tfx_cpu_max(t->tiles->rows, t->tiles->cols);
    return t->widens ? tfx_cpu_packed(width * ((t->depth + 1) / 2)) : 0;
}

static void pack(const tfx_cpu_terms *t, const void *x, int64_t ld, int across, int64_t lines, int64_t depth,
                 int64_t width, int pad, uint32_t *wide, uint32_t *out)
{
    if (!t->bf16)
        tfx_cpu_pack_f32(x, ld, across, lines, depth, width, pad, out);
    else if (!t->widens)
        tfx_cpu_pack_pairs(x, ld, across, lines, depth, width, pad, out);
    for (int64_t i = 0; t->widens && i < lines; i += width) {
        int64_t n = tfx_cpu_min(width, lines - i), w = pad ? width : n;
        tfx_cpu_pack_pairs((const uint16_t *)x + (across ? i : i * ld), ld, across, n, depth, width, pad, wide);
        tfx_cpu_widen_pairs((depth + 1) / 2, w, wide, out);
        out += (depth + 1) / 2 * 2 * w;
    }
}

static const void *element(const tfx_cpu_matmul *p, const void *x, int64_t at)
{
    return (const char *)x + at * (p->bf16 ? 2 : 4);
}

void tfx_cpu_pack_a(const tfx_cpu_terms *t, const tfx_cpu_matmul *p, int64_t l, int64_t from, int64_t lines,
                    uint32_t *wide, uint32_t *out)
{
    pack(t, element(p, p->a, p->trans_a ? l * p->lda + from : from * p->lda + l), p->lda, p->trans_a, lines,
         tfx_cpu_min(t->depth, t->k - l), t->tiles->rows, 0, wide, out);
}

void tfx_cpu_pack_b(const tfx_cpu_terms *t, const tfx_cpu_matmul *p, int64_t l, int64_t from, int64_t lines,
                    uint32_t *wide, uint32_t *out)
{
    pack(t, element(p, p->b, p->trans_b ? from * p->ldb + l : l * p->ldb + from), p->ldb, !p->trans_b, lines,
         tfx_cpu_min(t->depth, t->k - l), t->tiles->cols, 1, wide, out);
}

void tfx_cpu_multiply_block(const tfx_cpu_terms *t, const tfx_cpu_matmul *p, int64_t l, int64_t i, int64_t rows,
                            int64_t j, int64_t cols, const uint32_t *a, const uint32_t *b, int by_rows)
{
    int64_t steps = tfx_cpu_block_steps(t, l), tall = t->tiles->rows, wide = t->tiles->cols;
    const float *from = l ? p->c : p->beta == 0.0f ? NULL : p->beta == 1.0f ? p->from : p->c;
    int64_t outer_end = by_rows ? rows : cols, inner_end = by_rows ? cols : rows;
    int64_t outer_step = by_rows ? tall : wide, inner_step = by_rows ? wide : tall;
    for (int64_t outer = 0; outer < outer_end; outer += outer_step)
        for (int64_t inner = 0; inner < inner_end; inner += inner_step) {
            int64_t y = by_rows ? outer : inner, x = by_rows ? inner : outer, at = (i + y) * p->ldc + j + x;
            tfx_cpu_tile_out out = {.c = p->c + at,
                                    .from = from ? from + at : NULL,
                                    .ldc = p->ldc,
                                    .cols = tfx_cpu_min(wide, cols - x),
                                    .alpha = p->alpha};
            t->tiles->tile[tfx_cpu_min(tall, rows - y) - 1](steps, a + y * steps, b + x * steps, &out);
        }
}

void tfx_cpu_begin(const tfx_cpu_matmul *p, int64_t i, int64_t rows, int64_t j, int64_t cols)
{
    for (int64_t y = i; p->beta != 0.0f && p->beta != 1.0f && y < i + rows; y++)
        for (int64_t x = j; x < j + cols; x++)
            p->c[y * p->ldc + x] = p->beta * p->from[y * p->ldc + x];
}
