/* Writes safetensors files piece by piece. All tensors are declared first, so the header is final
 * before the first byte of data, and no tensor ever has to be in memory as a whole. The file carries
 * its final name only after tfx_st_writer_finish. */
#include "framework/checkpoint/safetensors.h"

#include <string.h>

#include "framework/base/hash.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/checkpoint/atomic_file.h"
#include "framework/checkpoint/safetensors_dtype.h"
#include "framework/checkpoint/safetensors_header.h"

#define BUFFER_BYTES ((size_t)4 << 20)

struct tfx_st_writer {
    tfx_st_header header; /* what was declared, in that order; offsets are from the start of the data */
    size_t cap_tensors, cap_metadata;
    tfx_atomic_file file;
    XXH3_state_t *hash;
    unsigned char *buffer;
    size_t buffered;
    uint64_t header_bytes; /* with the length in front */
    uint64_t data_bytes;   /* declared */
    uint64_t written;      /* of the data so far, buffered included */
    tfx_error declared;    /* the first declaration that cannot be used; reported by begin */
};

tfx_st_writer *tfx_st_writer_create(void)
{
    tfx_st_writer *w = TFX_NEW(tfx_st_writer);
    w->hash = XXH3_createState();
    if (!w->hash || XXH3_128bits_reset(w->hash) != XXH_OK)
        tfx_fail(&w->declared, TFX_E_MEMORY, "out of memory for hashing");
    return w;
}

void tfx_st_writer_unsynced(tfx_st_writer *w)
{
    w->file.unsynced = 1;
}

void tfx_st_writer_metadata(tfx_st_writer *w, const char *key, const char *value)
{
    for (size_t i = 0; i < w->header.n_metadata; i++)
        if (strcmp(w->header.metadata[i].key, key) == 0) {
            free(w->header.metadata[i].value);
            w->header.metadata[i].value = tfx_strdup(value);
            return;
        }
    tfx_st_pair *pair = TFX_APPEND(w->header.metadata, w->header.n_metadata, w->cap_metadata);
    pair->key = tfx_strdup(key);
    pair->value = tfx_strdup(value);
}

void tfx_st_writer_declare(tfx_st_writer *w, const char *name, tfx_st_dtype dtype, uint32_t n_dims, const int64_t *dims)
{
    const tfx_st_dtype_info *info = tfx_st_dtype_of(dtype);
    tfx_st_tensor *t = TFX_APPEND(w->header.tensors, w->header.n_tensors, w->cap_tensors);
    t->name = tfx_strdup(name);
    t->dtype = dtype;
    t->offset = w->data_bytes;
    if (!info) {
        tfx_fail(&w->declared, TFX_E_INVALID, "tensor \"%.200s\": this dtype cannot be written", name);
    } else if (n_dims > TFX_MAX_DIMS) {
        tfx_fail(&w->declared, TFX_E_INVALID, "tensor \"%.200s\": %u dimensions, at most %d are supported", name,
                 n_dims, TFX_MAX_DIMS);
    } else {
        t->n_dims = n_dims;
        for (uint32_t i = 0; i < n_dims; i++)
            t->dims[i] = dims[i];
        if (tfx_st_size(info->bits, n_dims, dims, &t->bytes) != 0 ||
            __builtin_add_overflow(w->data_bytes, t->bytes, &w->data_bytes) || w->data_bytes > INT64_MAX)
            tfx_fail(&w->declared, TFX_E_INVALID, "tensor \"%.200s\": shape is negative or larger than any file", name);
    }
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static tfx_status check_names(const tfx_st_writer *w, tfx_error *err)
{
    const char **names = TFX_NEW_ARRAY(const char *, w->header.n_tensors);
    for (size_t i = 0; i < w->header.n_tensors; i++)
        names[i] = w->header.tensors[i].name;
    if (w->header.n_tensors > 0)
        qsort(names, w->header.n_tensors, sizeof(*names), by_name);
    for (size_t i = 0; i < w->header.n_tensors; i++)
        if (strcmp(names[i], "__metadata__") == 0 || (i > 0 && strcmp(names[i - 1], names[i]) == 0)) {
            tfx_fail(err, TFX_E_INVALID, "tensor \"%.200s\": %s", names[i],
                     i > 0 && strcmp(names[i - 1], names[i]) == 0 ? "declared twice" : "this name is reserved");
            break;
        }
    free(names);
    return err->status;
}

static void add_string(tfx_text *t, const char *s)
{
    tfx_text_add(t, "\"");
    while (*s) {
        size_t plain = 0; /* bytes that stand for themselves */
        while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' && s[plain] != '\\')
            plain++;
        tfx_text_add(t, "%.*s", (int)plain, s);
        s += plain;
        if (*s == '"' || *s == '\\')
            tfx_text_add(t, "\\%c", *s++);
        else if (*s)
            tfx_text_add(t, "\\u%04x", (unsigned char)*s++);
    }
    tfx_text_add(t, "\"");
}

static void build_header(const tfx_st_writer *w, tfx_text *t)
{
    const char *separator = "";
    tfx_text_add(t, "{");
    if (w->header.n_metadata > 0) {
        tfx_text_add(t, "\"__metadata__\":{");
        for (size_t i = 0; i < w->header.n_metadata; i++) {
            tfx_text_add(t, "%s", i ? "," : "");
            add_string(t, w->header.metadata[i].key);
            tfx_text_add(t, ":");
            add_string(t, w->header.metadata[i].value);
        }
        tfx_text_add(t, "}");
        separator = ",";
    }
    for (size_t i = 0; i < w->header.n_tensors; i++, separator = ",") {
        const tfx_st_tensor *x = &w->header.tensors[i];
        tfx_text_add(t, "%s", separator);
        add_string(t, x->name);
        tfx_text_add(t, ":{\"dtype\":\"%s\",\"shape\":[", tfx_st_dtype_of(x->dtype)->name);
        for (uint32_t k = 0; k < x->n_dims; k++)
            tfx_text_add(t, "%s%lld", k ? "," : "", (long long)x->dims[k]);
        tfx_text_add(t, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)x->offset,
                     (unsigned long long)(x->offset + x->bytes));
    }
    tfx_text_add(t, "}");
    if (t->n % 8 != 0)
        tfx_text_add(t, "%*s", (int)(8 - t->n % 8), "");
}

static tfx_status put(tfx_st_writer *w, const void *data, size_t n, tfx_error *err)
{
    XXH3_128bits_update(w->hash, data, n);
    return tfx_atomic_file_write(&w->file, data, n, err);
}

static tfx_status flush(tfx_st_writer *w, tfx_error *err)
{
    size_t n = w->buffered;
    w->buffered = 0;
    return n > 0 ? put(w, w->buffer, n, err) : TFX_OK;
}

tfx_status tfx_st_writer_begin(tfx_st_writer *w, const char *path, tfx_error *err)
{
    tfx_text header = {0};
    if (w->declared.status != TFX_OK) {
        tfx_fail(err, w->declared.status, "%s: %s", path, w->declared.text);
        goto done;
    }
    if (check_names(w, err) != TFX_OK) {
        tfx_error_prefix(err, "%s", path);
        goto done;
    }
    build_header(w, &header);
    if (header.n > TFX_ST_MAX_HEADER) {
        tfx_fail(err, TFX_E_INVALID, "%s: header takes %zu bytes, the format allows %llu", path, header.n,
                 (unsigned long long)TFX_ST_MAX_HEADER);
        goto done;
    }
    w->buffer = malloc(BUFFER_BYTES);
    if (!w->buffer) {
        tfx_fail(err, TFX_E_MEMORY, "%s: out of memory for a buffer of %zu bytes", path, BUFFER_BYTES);
        goto done;
    }
    uint64_t length = header.n;
    w->header_bytes = 8 + length;
    if (tfx_atomic_file_begin(&w->file, path, err) == TFX_OK && put(w, &length, 8, err) == TFX_OK)
        put(w, header.s, header.n, err);
done:
    tfx_text_free(&header);
    return err->status;
}

tfx_status tfx_st_writer_write(tfx_st_writer *w, const void *data, size_t n, tfx_error *err)
{
    if (n > w->data_bytes - w->written)
        return tfx_fail(err, TFX_E_INTERNAL, "%s: %zu bytes written after %llu, but the declared tensors hold %llu",
                        w->file.final_path, n, (unsigned long long)w->written, (unsigned long long)w->data_bytes);
    w->written += n;
    if (n < BUFFER_BYTES - w->buffered) {
        memcpy(w->buffer + w->buffered, data, n);
        w->buffered += n;
        return TFX_OK;
    }
    if (flush(w, err) != TFX_OK)
        return err->status;
    if (n >= BUFFER_BYTES)
        return put(w, data, n, err);
    memcpy(w->buffer, data, n);
    w->buffered = n;
    return TFX_OK;
}

tfx_status tfx_st_writer_finish(tfx_st_writer *w, uint64_t *bytes, char *hash, tfx_error *err)
{
    if (w->written != w->data_bytes) {
        size_t i = 0; /* the first tensor that is not complete */
        while (w->header.tensors[i].offset + w->header.tensors[i].bytes <= w->written)
            i++;
        return tfx_fail(err, TFX_E_INTERNAL, "%s: tensor \"%.200s\" is not complete: %llu of %llu bytes written",
                        w->file.final_path, w->header.tensors[i].name,
                        (unsigned long long)(w->written - w->header.tensors[i].offset),
                        (unsigned long long)w->header.tensors[i].bytes);
    }
    if (flush(w, err) != TFX_OK || tfx_atomic_file_commit(&w->file, err) != TFX_OK)
        return err->status;
    *bytes = w->header_bytes + w->data_bytes;
    if (hash)
        tfx_hash_digits(w->hash, hash);
    return TFX_OK;
}

void tfx_st_writer_destroy(tfx_st_writer *w)
{
    if (!w)
        return;
    tfx_atomic_file_finish(&w->file);
    tfx_st_header_finish(&w->header);
    free(w->buffer);
    XXH3_freeState(w->hash);
    free(w);
}
