/* Reads safetensors files with pread, so that a file of any size costs no more resident memory than
 * its header and the caller's buffer. The header is checked in safetensors_header.c. */
#include "framework/checkpoint/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/checkpoint/safetensors_dtype.h"
#include "framework/checkpoint/safetensors_header.h"

struct tfx_st_reader {
    char *path;
    int fd;
    tfx_st_header header;
};

/* Reads n bytes at `offset`; a file that ends before them is an error. */
static tfx_status read_at(const tfx_st_reader *r, uint64_t offset, void *out, size_t n, tfx_error *err)
{
    char *p = out;
    while (n > 0) {
        ssize_t k = pread(r->fd, p, n, (off_t)offset);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return tfx_fail(err, TFX_E_IO, "%s: cannot read %zu bytes at offset %llu: %s", r->path, n,
                            (unsigned long long)offset, strerror(errno));
        if (k == 0)
            return tfx_fail(err, TFX_E_IO, "%s: ends at offset %llu, expected %zu more bytes there: did it change?",
                            r->path, (unsigned long long)offset, n);
        p += k;
        offset += (uint64_t)k;
        n -= (size_t)k;
    }
    return TFX_OK;
}

static tfx_status read_header(tfx_st_reader *r, tfx_error *err)
{
    struct stat st;
    if (fstat(r->fd, &st) != 0)
        return tfx_fail(err, TFX_E_IO, "%s: cannot stat: %s", r->path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return tfx_fail(err, TFX_E_IO, "%s: is %s, expected a file", r->path,
                        S_ISDIR(st.st_mode) ? "a folder" : "a device or pipe");
    uint64_t file_bytes = (uint64_t)st.st_size, length;
    if (file_bytes < 8)
        return tfx_fail(err, TFX_E_DATA, "%s: is not a safetensors file: expected at least 8 bytes, found %llu",
                        r->path, (unsigned long long)file_bytes);
    if (read_at(r, 0, &length, 8, err) != TFX_OK)
        return err->status;
    if (length > TFX_ST_MAX_HEADER)
        return tfx_fail(err, TFX_E_DATA, "%s: is not a safetensors file: header length %llu, expected at most %llu",
                        r->path, (unsigned long long)length, (unsigned long long)TFX_ST_MAX_HEADER);
    if (length > file_bytes - 8)
        return tfx_fail(err, TFX_E_DATA, "%s: header length %llu, but only %llu bytes follow: was it cut short?",
                        r->path, (unsigned long long)length, (unsigned long long)(file_bytes - 8));
    char *json = malloc((size_t)length + 1);
    if (!json)
        return tfx_fail(err, TFX_E_MEMORY, "%s: out of memory for a header of %llu bytes", r->path,
                        (unsigned long long)length);
    if (read_at(r, 8, json, (size_t)length, err) == TFX_OK) {
        json[length] = '\0';
        tfx_st_header_parse(&r->header, r->path, json, (size_t)length, 8 + length, file_bytes, err);
    }
    free(json);
    return err->status;
}

tfx_st_reader *tfx_st_open(const char *path, tfx_error *err)
{
    tfx_st_reader *r = TFX_NEW(tfx_st_reader);
    r->path = tfx_strdup(path);
    r->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer must not hang us */
    if (r->fd < 0)
        tfx_fail(err, TFX_E_IO, "%s: cannot open: %s", path, strerror(errno));
    if (r->fd < 0 || read_header(r, err) != TFX_OK) {
        tfx_st_close(r);
        return NULL;
    }
    return r;
}

void tfx_st_close(tfx_st_reader *r)
{
    if (!r)
        return;
    if (r->fd >= 0)
        close(r->fd);
    tfx_st_header_finish(&r->header);
    free(r->path);
    free(r);
}

size_t tfx_st_count(const tfx_st_reader *r)
{
    return r->header.n_tensors;
}

const tfx_st_tensor *tfx_st_at(const tfx_st_reader *r, size_t i)
{
    return &r->header.tensors[i];
}

const tfx_st_tensor *tfx_st_find(const tfx_st_reader *r, const char *name)
{
    size_t low = 0, high = r->header.n_tensors;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const tfx_st_tensor *t = &r->header.tensors[r->header.by_name[middle]];
        int order = strcmp(name, t->name);
        if (order == 0)
            return t;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *tfx_st_metadata(const tfx_st_reader *r, const char *key)
{
    for (size_t i = 0; i < r->header.n_metadata; i++)
        if (strcmp(r->header.metadata[i].key, key) == 0)
            return r->header.metadata[i].value;
    return NULL;
}

tfx_status tfx_st_read_raw(tfx_st_reader *r, const tfx_st_tensor *t, uint64_t first, uint64_t n, void *out,
                           tfx_error *err)
{
    if (first > t->bytes || n > t->bytes - first)
        return tfx_fail(err, TFX_E_INVALID, "%s: tensor \"%.200s\": bytes %llu to %llu asked for, it has %llu", r->path,
                        t->name, (unsigned long long)first, (unsigned long long)(first + n),
                        (unsigned long long)t->bytes);
    return read_at(r, t->offset + first, out, (size_t)n, err);
}

tfx_status tfx_st_read_f32(tfx_st_reader *r, const tfx_st_tensor *t, uint64_t first, uint64_t n, float *out,
                           tfx_error *err)
{
    if (t->dtype != TFX_ST_F64 && t->dtype != TFX_ST_F32 && t->dtype != TFX_ST_F16 && t->dtype != TFX_ST_BF16)
        return tfx_fail(err, TFX_E_UNSUPPORTED, "%s: tensor \"%.200s\": expected F32, F64, F16 or BF16, found %s",
                        r->path, t->name, r->header.dtypes[t - r->header.tensors]);
    uint64_t element = tfx_st_dtype_of(t->dtype)->bits / 8, count = t->bytes / element;
    if (first > count || n > count - first)
        return tfx_fail(err, TFX_E_INVALID, "%s: tensor \"%.200s\": elements %llu to %llu asked for, it has %llu",
                        r->path, t->name, (unsigned long long)first, (unsigned long long)(first + n),
                        (unsigned long long)count);
    uint64_t offset = t->offset + first * element;
    if (t->dtype == TFX_ST_F32)
        return read_at(r, offset, out, (size_t)n * 4, err);

    unsigned char chunk[32768];
    while (n > 0) {
        size_t now = n < sizeof(chunk) / element ? (size_t)n : sizeof(chunk) / element;
        if (read_at(r, offset, chunk, now * element, err) != TFX_OK)
            return err->status;
        tfx_st_to_f32(t->dtype, chunk, now, out);
        out += now;
        n -= now;
        offset += now * element;
    }
    return TFX_OK;
}
