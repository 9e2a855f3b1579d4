/* The dtypes of safetensors: names, sizes, conversion to f32. Shared by reader and writer. */
#ifndef TFX_CHECKPOINT_SAFETENSORS_DTYPE_H
#define TFX_CHECKPOINT_SAFETENSORS_DTYPE_H

#include "framework/checkpoint/safetensors.h"

typedef struct tfx_st_dtype_info {
    const char *name;
    unsigned bits; /* per element; some dtypes of the format are narrower than a byte */
    tfx_st_dtype dtype;
} tfx_st_dtype_info;

/* By the name in a header, or NULL. */
const tfx_st_dtype_info *tfx_st_dtype_by_name(const char *name);
/* By dtype; TFX_ST_OTHER gives NULL. */
const tfx_st_dtype_info *tfx_st_dtype_of(tfx_st_dtype dtype);
/* Ends the message that err holds about an unknown name. */
tfx_status tfx_st_dtype_suggest(const char *name, tfx_error *err);

/* Bytes of a tensor; 0 on success, -1 when they do not fit 64 bits, -2 when they are not whole bytes. */
int tfx_st_size(unsigned bits, uint32_t n_dims, const int64_t *dims, uint64_t *bytes);

/* Converts n elements; returns 0, or -1 when dtype is not a floating-point one tfx reads. */
int tfx_st_to_f32(tfx_st_dtype dtype, const void *src, size_t n, float *out);

#endif
