/* Dtype: the size of an element, and what its type is called. */
#ifndef TFX_BASE_DTYPE_H
#define TFX_BASE_DTYPE_H

#include "tfx/types.h"

uint64_t tfx_dtype_bytes(tfx_dtype d);
const char *tfx_dtype_name(tfx_dtype d);

#endif
