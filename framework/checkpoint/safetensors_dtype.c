/* Names and sizes of all dtypes that safetensors files may hold, and the conversions to f32.
 * Everything here assumes a little-endian machine, as the format is little-endian. */
#include "framework/checkpoint/safetensors_dtype.h"

#include <string.h>

#include "framework/base/suggest.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors are read and written without swapping bytes"
#endif

/* First those of tfx_st_dtype, in its order. */
static const tfx_st_dtype_info dtypes[] = {
    {"F64", 64, TFX_ST_F64},      {"F32", 32, TFX_ST_F32},      {"F16", 16, TFX_ST_F16},
    {"BF16", 16, TFX_ST_BF16},    {"I64", 64, TFX_ST_I64},      {"I32", 32, TFX_ST_I32},
    {"I16", 16, TFX_ST_I16},      {"I8", 8, TFX_ST_I8},         {"U8", 8, TFX_ST_U8},
    {"BOOL", 8, TFX_ST_BOOL},     {"U16", 16, TFX_ST_OTHER},    {"U32", 32, TFX_ST_OTHER},
    {"U64", 64, TFX_ST_OTHER},    {"C64", 64, TFX_ST_OTHER},    {"F8_E4M3", 8, TFX_ST_OTHER},
    {"F8_E5M2", 8, TFX_ST_OTHER}, {"F8_E8M0", 8, TFX_ST_OTHER}, {"F6_E2M3", 6, TFX_ST_OTHER},
    {"F6_E3M2", 6, TFX_ST_OTHER}, {"F4", 4, TFX_ST_OTHER},
};
enum { N_DTYPES = sizeof(dtypes) / sizeof(dtypes[0]) };

const tfx_st_dtype_info *tfx_st_dtype_by_name(const char *name)
{
    for (size_t i = 0; i < N_DTYPES; i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return &dtypes[i];
    return NULL;
}

const tfx_st_dtype_info *tfx_st_dtype_of(tfx_st_dtype dtype)
{
    return dtype < TFX_ST_OTHER ? &dtypes[dtype] : NULL;
}

tfx_status tfx_st_dtype_suggest(const char *name, tfx_error *err)
{
    tfx_suggest known = {.name = name};
    for (size_t i = 0; i < N_DTYPES; i++)
        tfx_suggest_add(&known, "%s", dtypes[i].name);
    return tfx_suggest_end(&known, NULL, err);
}

int tfx_st_size(unsigned bits, uint32_t n_dims, const int64_t *dims, uint64_t *bytes)
{
    uint64_t total = bits;
    for (uint32_t i = 0; i < n_dims; i++)
        if (dims[i] < 0 || __builtin_mul_overflow(total, (uint64_t)dims[i], &total))
            return -1;
    if (total % 8 != 0)
        return -2;
    *bytes = total / 8;
    return 0;
}

/* Half precision to single; every half is exactly representable, subnormals, infinities and NaN
 * payloads included. */
static float half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = (h >> 10) & 0x1f, mantissa = h & 0x3ff, bits;
    float f;
    if (exponent == 0) { /* zero or subnormal: mantissa * 2^-24 */
        f = (float)mantissa * 0x1p-24f;
        memcpy(&bits, &f, 4);
        bits |= sign;
    } else if (exponent == 31) {
        bits = sign | 0x7f800000u | mantissa << 13;
    } else {
        bits = sign | (exponent + 112) << 23 | mantissa << 13;
    }
    memcpy(&f, &bits, 4);
    return f;
}

int tfx_st_to_f32(tfx_st_dtype dtype, const void *src, size_t n, float *out)
{
    const unsigned char *p = src;
    switch (dtype) {
    case TFX_ST_F32: memcpy(out, src, n * 4); return 0;
    case TFX_ST_F64:
        for (size_t i = 0; i < n; i++) {
            double d;
            memcpy(&d, p + 8 * i, 8);
            out[i] = (float)d;
        }
        return 0;
    case TFX_ST_F16:
        for (size_t i = 0; i < n; i++) {
            uint16_t h;
            memcpy(&h, p + 2 * i, 2);
            out[i] = half_to_float(h);
        }
        return 0;
    case TFX_ST_BF16:
        for (size_t i = 0; i < n; i++) {
            uint16_t h;
            memcpy(&h, p + 2 * i, 2);
            uint32_t bits = (uint32_t)h << 16;
            memcpy(&out[i], &bits, 4);
        }
        return 0;
    default: return -1;
    }
}
