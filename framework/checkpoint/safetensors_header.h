/* The JSON header of a safetensors file, parsed and checked. */
#ifndef TFX_CHECKPOINT_SAFETENSORS_HEADER_H
#define TFX_CHECKPOINT_SAFETENSORS_HEADER_H

#include "framework/checkpoint/safetensors.h"

#define TFX_ST_MAX_HEADER UINT64_C(100000000)

typedef struct tfx_st_pair {
    char *key, *value;
} tfx_st_pair;

typedef struct tfx_st_header {
    tfx_st_tensor *tensors; /* in file order */
    const char **dtypes;    /* their dtypes as the file spells them */
    size_t *by_name;        /* indices into tensors, sorted by name */
    size_t n_tensors;
    tfx_st_pair *metadata;
    size_t n_metadata;
} tfx_st_header;

/* Parses json[0..n); json[n] must be 0. data_start and file_bytes say where the tensors' bytes must
 * begin and end. *h is zero-initialised by the caller and finished by it also on error. */
tfx_status tfx_st_header_parse(tfx_st_header *h, const char *path, const char *json, size_t n, uint64_t data_start,
                               uint64_t file_bytes, tfx_error *err);
void tfx_st_header_finish(tfx_st_header *h);

#endif
