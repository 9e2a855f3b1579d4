/* safetensors: the file format of all weights tfx reads and writes.
 *
 * Layout: u64 little-endian header length; a JSON header padded with spaces to a multiple
 * of 8; the tensors' bytes, without holes. Readers refuse headers above 100,000,000 bytes,
 * overlapping or missing ranges, wrong sizes, and duplicate names. */
#ifndef TFX_CHECKPOINT_SAFETENSORS_H
#define TFX_CHECKPOINT_SAFETENSORS_H

#include <stdint.h>

#include "framework/base/error.h"
#include "tfx/types.h"

/* Those of the format that tfx can convert to and from. */
typedef enum tfx_st_dtype {
    TFX_ST_F64,
    TFX_ST_F32,
    TFX_ST_F16,
    TFX_ST_BF16,
    TFX_ST_I64,
    TFX_ST_I32,
    TFX_ST_I16,
    TFX_ST_I8,
    TFX_ST_U8,
    TFX_ST_BOOL,
    TFX_ST_OTHER /* known to the format, readable as raw bytes only */
} tfx_st_dtype;

typedef struct tfx_st_tensor {
    char *name;
    tfx_st_dtype dtype;
    uint32_t n_dims;
    int64_t dims[TFX_MAX_DIMS];
    uint64_t bytes;
    uint64_t offset; /* from the start of the file (reader) */
} tfx_st_tensor;

/* ---- reading ---- */
typedef struct tfx_st_reader tfx_st_reader;

/* Opens and checks the header. Messages name file, tensor, expected and found. */
tfx_st_reader *tfx_st_open(const char *path, tfx_error *err);
void tfx_st_close(tfx_st_reader *r);
size_t tfx_st_count(const tfx_st_reader *r);
const tfx_st_tensor *tfx_st_at(const tfx_st_reader *r, size_t i);           /* in file order */
const tfx_st_tensor *tfx_st_find(const tfx_st_reader *r, const char *name); /* NULL: none */
const char *tfx_st_metadata(const tfx_st_reader *r, const char *key);       /* NULL: none */
/* Reads elements [first, first + n) of a tensor, converted to f32 (from F64, F32, F16,
 * BF16) with pread: resident memory does not grow with the file. */
tfx_status tfx_st_read_f32(tfx_st_reader *r, const tfx_st_tensor *t, uint64_t first, uint64_t n, float *out,
                           tfx_error *err);
/* Reads raw bytes [first, first + n) of a tensor. */
tfx_status tfx_st_read_raw(tfx_st_reader *r, const tfx_st_tensor *t, uint64_t first, uint64_t n, void *out,
                           tfx_error *err);

/* ---- writing: declare all tensors, then write them in the same order in pieces ---- */
typedef struct tfx_st_writer tfx_st_writer;

tfx_st_writer *tfx_st_writer_create(void);
void tfx_st_writer_metadata(tfx_st_writer *w, const char *key, const char *value);
void tfx_st_writer_declare(tfx_st_writer *w, const char *name, tfx_st_dtype dtype, uint32_t n_dims,
                           const int64_t *dims);
/* Whoever calls this flushes the folder as a whole. */
void tfx_st_writer_unsynced(tfx_st_writer *w);
/* Creates the file and writes the header. */
tfx_status tfx_st_writer_begin(tfx_st_writer *w, const char *path, tfx_error *err);
/* Appends bytes of the tensors, in declaration order; pieces may have any size. */
tfx_status tfx_st_writer_write(tfx_st_writer *w, const void *data, size_t n, tfx_error *err);
/* Checks that every byte was written, flushes to disk (fsync; see above) and closes. *bytes is the
 * file's size, hash (33 bytes, may be NULL) its XXH3-128 in lower-case hex. */
tfx_status tfx_st_writer_finish(tfx_st_writer *w, uint64_t *bytes, char *hash, tfx_error *err);
void tfx_st_writer_destroy(tfx_st_writer *w); /* an unfinished file is removed */

#endif
