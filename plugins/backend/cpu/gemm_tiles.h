/* Tiles of a matrix product: the innermost loops, once per instruction set (gemm_tiles.c), and the
 * operands packed for them (gemm_pack.c). */
#ifndef TFX_CPU_GEMM_TILES_H
#define TFX_CPU_GEMM_TILES_H

#include <stdint.h>

/* What becomes of a tile's sums s: c = alpha * s, plus `from` unless that is NULL. */
typedef struct tfx_cpu_tile_out {
    float *c;
    const float *from;
    int64_t ldc, cols; /* cols: at most the tile's; the others are not written */
    float alpha;
} tfx_cpu_tile_out;

/* Sums over `steps` packed elements, of 32 bits: an f32, or a pair of bf16. a has the tile's rows for each step, b its columns. */
typedef void (*tfx_cpu_gemm_tile)(int64_t steps, const uint32_t *a, const uint32_t *b, const tfx_cpu_tile_out *out);

enum { TFX_CPU_MAX_TILE_ROWS = 12 };

typedef struct tfx_cpu_tiles {
    int rows, cols;                /* of the tallest; all are as wide */
    int pairs;                     /* for pairs of bf16; or else for f32 */
    const tfx_cpu_gemm_tile *tile; /* tile[h - 1] has h rows */
} tfx_cpu_tiles;

extern const tfx_cpu_tiles tfx_cpu_tiles_plain, tfx_cpu_tiles_avx2, tfx_cpu_tiles_avx512, tfx_cpu_tiles_avx512_bf16;

/* Packs `lines` lines (rows of a, or columns of b) of `depth` elements into panels of `width` lines each: for
 * every step a panel has an element of each of its lines. The last panel has lines % width, or with
 * `pad` the full width, the others zero. Element l of a line is at x[line * ld + l], or with `across` at x[l * ld + line]. */
void tfx_cpu_pack_f32(const float *x, int64_t ld, int across, int64_t lines, int64_t depth, int64_t width, int pad,
                      uint32_t *out);
/* A step is a pair of bf16, the first in the lower half; the last of an odd depth has 0 as its second. */
void tfx_cpu_pack_pairs(const uint16_t *x, int64_t ld, int across, int64_t lines, int64_t depth, int64_t width, int pad,
                        uint32_t *out);
/* n pairs of panels `width` wide become two steps of f32 each, the second of a pair first. */
void tfx_cpu_widen_pairs(int64_t n, int64_t width, const uint32_t *pairs, uint32_t *out);

#endif
