/* tfx plugin ABI: dtypes and graph values. */
#ifndef TFX_TYPES_H
#define TFX_TYPES_H

#include "abi.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Highest rank of a value. Shapes are row-major, outermost dimension first; rank 0 is a
 * scalar. */
#define TFX_MAX_DIMS 8

typedef enum tfx_dtype {
    TFX_F32 = 1,
    TFX_BF16 = 2, /* the upper half of an f32 */
    TFX_I32 = 3
} tfx_dtype;

/* Handle of a value in the graph being built. TFX_POISON is what a failed builder call
 * returns; every call accepts it and returns it again, so forward code needs no checks.
 * Handles mean nothing outside their graph. */
typedef uint32_t tfx_value;
#define TFX_POISON ((tfx_value)0)

#ifdef __cplusplus
}
#endif
#endif
