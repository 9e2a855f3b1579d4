/* The pointwise operations on one tile: what fused programs are made of. */
#ifndef TFX_CPU_TILE_OPS_H
#define TFX_CPU_TILE_OPS_H

#include <stdint.h>

#include "tfx/tfx.h"

/* Operands of one operation on n consecutive elements. dst may be equal to a or b. */
typedef struct tfx_cpu_tile {
    int64_t n;
    float *dst, *slope; /* slope: of tfx_cpu_tile_unary_with_slope only */
    const float *a, *b;
    float scale, shift;     /* AFFINE, or applied to a first: see tfx_cpu_tile_binary_affine */
    float scale_b, shift_b; /* applied to b first */
    int64_t index;          /* of the first element in the domain: DROPOUT */
    const int32_t *key;
    uint64_t stream, threshold;
} tfx_cpu_tile;

typedef void (*tfx_cpu_tile_fn)(const tfx_cpu_tile *t);

/* Which operands are single numbers that stand for a whole tile. */
enum { TFX_CPU_VV = 0, TFX_CPU_VS = 1, TFX_CPU_SV = 2 };

/* The function of a pointwise node; for binary ops one per TFX_CPU_VV.., otherwise [0]. */
const tfx_cpu_tile_fn *tfx_cpu_tile_binary(tfx_op op);
const tfx_cpu_tile_fn *tfx_cpu_tile_compare(tfx_compare how);
/* The same ops on operands that are scaled and shifted first, with the rounding of a separate
 * AFFINE: index 0 for a, 1 for b, 2 for both. Both operands have a number per element. */
const tfx_cpu_tile_fn *tfx_cpu_tile_binary_affine(tfx_op op);
tfx_cpu_tile_fn tfx_cpu_tile_unary(tfx_unary kind);
const tfx_cpu_tile_fn *tfx_cpu_tile_unary_grad(tfx_unary kind);
/* f(a) to dst and f'(a) to slope in one; NULL where that is not worth it. */
tfx_cpu_tile_fn tfx_cpu_tile_unary_with_slope(tfx_unary kind);
void tfx_cpu_tile_affine(const tfx_cpu_tile *t);
void tfx_cpu_tile_dropout(const tfx_cpu_tile *t);
/* Rounds to the precision of bf16, the result still being floats. */
void tfx_cpu_tile_round_bf16(const tfx_cpu_tile *t);

/* Moving between a tile and memory. */
void tfx_cpu_fill(int64_t n, float *dst, float value);
void tfx_cpu_load_bf16(int64_t n, float *dst, const uint16_t *src);
/* dst may be the first half of src's own memory. */
void tfx_cpu_store_bf16(int64_t n, uint16_t *dst, const float *src);
void tfx_cpu_fill_bf16(int64_t n, uint16_t *dst, float value);
double tfx_cpu_tile_sum(int64_t n, const float *x);

#endif
