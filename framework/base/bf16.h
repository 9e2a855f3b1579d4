/* bf16: the upper half of an f32. */
#ifndef TFX_BASE_BF16_H
#define TFX_BASE_BF16_H

#include <stdint.h>
#include <string.h>

/* The nearest one, ties to even; a NaN stays one, and quiet. As backends round in a cast. */
static inline uint16_t tfx_bf16_from_f32(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    uint32_t rounded = bits + 0x7fff + (bits >> 16 & 1);
    return (uint16_t)((x != x ? bits | 0x400000 : rounded) >> 16);
}

#endif
