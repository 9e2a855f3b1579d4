/* Blocks of own matrix products: what gemm.c, where one thread computes a product, and gemm_shared.c, where all do, have in
 * common. */
#ifndef TFX_CPU_GEMM_BLOCKS_H
#define TFX_CPU_GEMM_BLOCKS_H

#include "gemm.h"
#include "gemm_tiles.h"
#include "kernels.h"

/* Packed lines of one operand that stay in the second-level cache. */
enum { TFX_CPU_BLOCK_BYTES = 400 << 10 };

/* How the terms of products with k of them are taken. */
typedef struct tfx_cpu_terms {
    const tfx_cpu_tiles *tiles;
    int bf16, widens; /* widens: tiles are f32, operands are not */
    int64_t k, depth; /* depth: terms of a block; the last may have fewer */
} tfx_cpu_terms;

tfx_cpu_terms tfx_cpu_terms_of(const tfx_cpu_gemm *g, int bf16, int64_t k);
/* The most terms that a block of a product with at most k terms has. */
int64_t tfx_cpu_longest_block(int bf16, int64_t k);
/* Packed elements of a line of the block that begins at term l; of block 0 the most. */
int64_t tfx_cpu_block_steps(const tfx_cpu_terms *t, int64_t l);
/* Lines of the width given that TFX_CPU_BLOCK_BYTES has room for, at least one panel. */
int64_t tfx_cpu_block_lines(const tfx_cpu_terms *t, int64_t width);
/* 32-bit elements that packing needs for n packed ones, and besides for panels that are widened (0 if none are). */
uint64_t tfx_cpu_packed(int64_t n);
uint64_t tfx_cpu_widening(const tfx_cpu_terms *t);

/* Packs rows [from, from + lines) of op(a), or columns of op(b), of the block that begins at term l; `wide` is memory of
 * tfx_cpu_widening(t) elements. */
void tfx_cpu_pack_a(const tfx_cpu_terms *t, const tfx_cpu_matmul *p, int64_t l, int64_t from, int64_t lines,
                    uint32_t *wide, uint32_t *out);
void tfx_cpu_pack_b(const tfx_cpu_terms *t, const tfx_cpu_matmul *p, int64_t l, int64_t from, int64_t lines,
                    uint32_t *wide, uint32_t *out);

/* Adds block l's part of rows [i, i + rows) and columns [j, j + cols) to c. Panels of a and b are `steps` long. With
 * by_rows, the tiles of a panel of a come after each other, or else those of a panel of b. */
void tfx_cpu_multiply_block(const tfx_cpu_terms *t, const tfx_cpu_matmul *p, int64_t l, int64_t i, int64_t rows,
                            int64_t j, int64_t cols, const uint32_t *a, const uint32_t *b, int by_rows);

/* c = beta * from for rows [i, i + rows) and columns [j, j + cols) if multiply_block cannot do that: beta is neither 0 nor 1. */
void tfx_cpu_begin(const tfx_cpu_matmul *p, int64_t i, int64_t rows, int64_t j, int64_t cols);

/* Products by one thread, and the scratch memory for them: members of tfx_cpu_gemm (gemm.c). */
void tfx_cpu_multiply_by_blocks(const tfx_cpu_gemm *g, const tfx_cpu_matmul *p, void *scratch);
uint64_t tfx_cpu_blocks_scratch(const tfx_cpu_gemm *g, int bf16, int64_t m, int64_t n, int64_t k);

#endif
