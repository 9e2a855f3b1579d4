#include "framework/base/dtype.h"

uint64_t tfx_dtype_bytes(tfx_dtype d)
{
    return d == TFX_BF16 ? 2 : 4;
}

const char *tfx_dtype_name(tfx_dtype d)
{
    return d == TFX_F32 ? "f32" : d == TFX_BF16 ? "bf16" : "i32";
}
