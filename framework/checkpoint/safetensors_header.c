/* Parses and checks the JSON header of a safetensors file.
 *
 * Files come from anywhere, so nothing in them is believed: after tfx_st_header_parse succeeds,
 * names are unique, sizes agree with shapes, and the tensors tile the rest of the file exactly.
 * cJSON is more lenient than JSON (raw control characters, a NUL inside a name, bytes that are not
 * UTF-8), and what it would silently alter is refused first. */
#include "framework/checkpoint/safetensors_header.h"

#include <cjson/cJSON.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/checkpoint/safetensors_dtype.h"

/* Whole numbers above this lose bits in a double, which is what cJSON keeps. */
#define MAX_EXACT 9007199254740992.0 /* 2^53 */

/* What errors are about: the file and the tensor being looked at. */
typedef struct place {
    const char *path, *tensor;
    tfx_error *err;
} place;

#define FAIL_TENSOR(at, fmt, ...) \
    tfx_fail((at)->err, TFX_E_DATA, "%s: tensor \"%.200s\": " fmt, (at)->path, (at)->tensor, __VA_ARGS__)

/* ---- the text before it is parsed ---- */

static tfx_status check_text(const char *path, const char *json, size_t n, tfx_error *err)
{
    int in_string = 0;
    for (size_t i = 0; i < n;) {
        const unsigned char *p = (const unsigned char *)json + i;
        size_t len = tfx_utf8_length(json + i, n - i);
        if (len == 0)
            return tfx_fail(err, TFX_E_DATA, "%s: header is not UTF-8: byte 0x%02x at offset %zu", path, p[0], 8 + i);
        if (*p < 0x20 && (in_string || (*p != '\t' && *p != '\n' && *p != '\r')))
            return tfx_fail(err, TFX_E_DATA, "%s: header is not JSON: control character 0x%02x at offset %zu", path,
                            p[0], 8 + i);
        if (in_string && *p == '\\') {
            if (n - i >= 6 && memcmp(p, "\\u0000", 6) == 0)
                return tfx_fail(err, TFX_E_DATA, "%s: header holds a string with a NUL character at offset %zu", path,
                                8 + i);
            len = 2; /* whatever follows cannot end the string; cJSON checks what it means */
            if (i + 1 < n && (unsigned char)json[i + 1] >= 0x80)
                len = 1;
        } else if (*p == '"') {
            in_string = !in_string;
        }
        i += len;
    }
    return TFX_OK;
}

/* ---- one tensor ---- */

static const char *json_type(const cJSON *v)
{
    return cJSON_IsObject(v)   ? "an object"
           : cJSON_IsArray(v)  ? "a list"
           : cJSON_IsString(v) ? "a string"
           : cJSON_IsNumber(v) ? "a number"
           : cJSON_IsBool(v)   ? "a boolean"
                               : "null";
}

/* The member `key` of a tensor's object; missing or given twice is an error. */
static const cJSON *member(const place *at, const cJSON *object, const char *key)
{
    const cJSON *found = NULL, *v;
    cJSON_ArrayForEach(v, object)
    {
        if (strcmp(v->string, key) != 0)
            continue;
        if (found) {
            FAIL_TENSOR(at, "%s is given twice", key);
            return NULL;
        }
        found = v;
    }
    if (!found)
        FAIL_TENSOR(at, "%s is missing", key);
    return found;
}

static tfx_status whole_number(const place *at, const char *what, const cJSON *v, int64_t *out)
{
    if (!cJSON_IsNumber(v))
        return FAIL_TENSOR(at, "%s: expected whole numbers, found %s", what, json_type(v));
    double d = v->valuedouble;
    if (!(d >= 0 && d <= MAX_EXACT) || d != (double)(int64_t)d)
        return FAIL_TENSOR(at, "%s: expected whole numbers from 0 to 2^53, found %.17g", what, d);
    *out = (int64_t)d;
    return TFX_OK;
}

static tfx_status parse_shape(const place *at, const cJSON *shape, tfx_st_tensor *out)
{
    if (!cJSON_IsArray(shape))
        return FAIL_TENSOR(at, "shape: expected a list of whole numbers, found %s", json_type(shape));
    const cJSON *v;
    cJSON_ArrayForEach(v, shape)
    {
        if (out->n_dims == TFX_MAX_DIMS)
            return FAIL_TENSOR(at, "shape has %d dimensions, at most %d are supported", cJSON_GetArraySize(shape),
                               TFX_MAX_DIMS);
        if (whole_number(at, "shape", v, &out->dims[out->n_dims++]) != TFX_OK)
            return at->err->status;
    }
    return TFX_OK;
}

static tfx_status parse_tensor(const place *at, const cJSON *object, uint64_t data_start, tfx_st_tensor *out,
                               const char **dtype_name)
{
    if (!cJSON_IsObject(object))
        return FAIL_TENSOR(at, "expected an object with dtype, shape and data_offsets, found %s", json_type(object));
    const cJSON *dtype = member(at, object, "dtype");
    const cJSON *shape = dtype ? member(at, object, "shape") : NULL;
    const cJSON *range = shape ? member(at, object, "data_offsets") : NULL;
    if (!range)
        return at->err->status;

    if (!cJSON_IsString(dtype))
        return FAIL_TENSOR(at, "dtype: expected a string, found %s", json_type(dtype));
    const tfx_st_dtype_info *info = tfx_st_dtype_by_name(dtype->valuestring);
    if (!info) {
        FAIL_TENSOR(at, "unknown dtype \"%.40s\"", dtype->valuestring);
        return tfx_st_dtype_suggest(dtype->valuestring, at->err);
    }
    out->dtype = info->dtype;
    *dtype_name = info->name;
    if (parse_shape(at, shape, out) != TFX_OK)
        return at->err->status;

    if (!cJSON_IsArray(range))
        return FAIL_TENSOR(at, "data_offsets: expected [begin, end], found %s", json_type(range));
    if (cJSON_GetArraySize(range) != 2)
        return FAIL_TENSOR(at, "data_offsets: expected [begin, end], found a list of %d", cJSON_GetArraySize(range));
    int64_t begin, end;
    if (whole_number(at, "data_offsets", range->child, &begin) != TFX_OK ||
        whole_number(at, "data_offsets", range->child->next, &end) != TFX_OK)
        return at->err->status;
    if (begin > end)
        return FAIL_TENSOR(at, "data_offsets [%lld, %lld] run backwards", (long long)begin, (long long)end);

    char text[TFX_SHAPE_TEXT];
    tfx_format_shape(text, out->n_dims, out->dims);
    uint64_t bytes = 0;
    int size = tfx_st_size(info->bits, out->n_dims, out->dims, &bytes);
    if (size == -1)
        FAIL_TENSOR(at, "shape %s of %s is larger than any file", text, info->name);
    else if (size != 0)
        FAIL_TENSOR(at, "shape %s of %s is not a whole number of bytes", text, info->name);
    else if (bytes != (uint64_t)(end - begin))
        FAIL_TENSOR(at, "shape %s of %s takes %llu bytes, but data_offsets [%lld, %lld] hold %lld", text, info->name,
                    (unsigned long long)bytes, (long long)begin, (long long)end, (long long)(end - begin));
    out->bytes = bytes;
    out->offset = data_start + (uint64_t)begin;
    return at->err->status;
}

/* ---- the whole header ---- */

static tfx_status parse_metadata(tfx_st_header *h, const char *path, const cJSON *object, tfx_error *err)
{
    if (h->metadata)
        return tfx_fail(err, TFX_E_DATA, "%s: __metadata__ is given twice", path);
    if (!cJSON_IsObject(object))
        return tfx_fail(err, TFX_E_DATA, "%s: __metadata__: expected an object of strings, found %s", path,
                        json_type(object));
    h->metadata = TFX_NEW_ARRAY(tfx_st_pair, cJSON_GetArraySize(object));
    const cJSON *v;
    cJSON_ArrayForEach(v, object)
    {
        if (!cJSON_IsString(v))
            return tfx_fail(err, TFX_E_DATA, "%s: __metadata__: \"%.200s\": expected a string, found %s", path,
                            v->string, json_type(v));
        tfx_st_pair *pair = &h->metadata[h->n_metadata++];
        pair->key = tfx_strdup(v->string);
        pair->value = tfx_strdup(v->valuestring);
    }
    return TFX_OK;
}

/* A tensor with its place in the header, which settles the order of empty tensors. */
typedef struct parsed {
    tfx_st_tensor tensor;
    const char *dtype;
    size_t index;
} parsed;

static int by_position(const void *a, const void *b)
{
    const parsed *x = a, *y = b;
    if (x->tensor.offset != y->tensor.offset)
        return x->tensor.offset < y->tensor.offset ? -1 : 1;
    if (x->tensor.bytes != y->tensor.bytes)
        return x->tensor.bytes < y->tensor.bytes ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static int by_name(const void *a, const void *b, void *tensors)
{
    const tfx_st_tensor *t = tensors;
    return strcmp(t[*(const size_t *)a].name, t[*(const size_t *)b].name);
}

/* The tensors, in file order, must tile [data_start, file_bytes) without holes or overlaps. */
static tfx_status check_ranges(const tfx_st_header *h, const char *path, uint64_t data_start, uint64_t file_bytes,
                               tfx_error *err)
{
    uint64_t expected = data_start;
    for (size_t i = 0; i < h->n_tensors; i++) {
        const tfx_st_tensor *t = &h->tensors[i];
        place at = {path, t->name, err};
        unsigned long long begin = t->offset - data_start, previous_end = expected - data_start;
        if (t->offset < expected)
            return FAIL_TENSOR(&at, "begins at %llu and overlaps tensor \"%.200s\", which ends at %llu", begin,
                               h->tensors[i - 1].name, previous_end);
        if (t->offset > expected)
            return FAIL_TENSOR(&at, "begins at %llu, expected %llu: %llu bytes before it belong to no tensor", begin,
                               previous_end, begin - previous_end);
        expected = t->offset + t->bytes;
        if (expected > file_bytes)
            return FAIL_TENSOR(&at, "ends at %llu, but the file holds %llu bytes of data: was it cut short?",
                               (unsigned long long)(expected - data_start),
                               (unsigned long long)(file_bytes - data_start));
    }
    if (expected != file_bytes)
        return tfx_fail(err, TFX_E_DATA, "%s: %llu bytes follow the last tensor, expected none", path,
                        (unsigned long long)(file_bytes - expected));
    return TFX_OK;
}

/* Moves what was parsed into h, in file order, and builds the index by name. */
static tfx_status arrange(tfx_st_header *h, const char *path, parsed *all, size_t n, tfx_error *err)
{
    if (n > 0)
        qsort(all, n, sizeof(*all), by_position);
    h->tensors = TFX_NEW_ARRAY(tfx_st_tensor, n);
    h->dtypes = TFX_NEW_ARRAY(const char *, n);
    h->by_name = TFX_NEW_ARRAY(size_t, n);
    h->n_tensors = n;
    for (size_t i = 0; i < n; i++) {
        h->tensors[i] = all[i].tensor;
        h->dtypes[i] = all[i].dtype;
        h->by_name[i] = i;
    }
    if (n > 0)
        qsort_r(h->by_name, n, sizeof(size_t), by_name, h->tensors);
    for (size_t i = 1; i < n; i++) {
        const char *name = h->tensors[h->by_name[i]].name;
        if (strcmp(h->tensors[h->by_name[i - 1]].name, name) == 0)
            return tfx_fail(err, TFX_E_DATA, "%s: tensor \"%.200s\" is given twice", path, name);
    }
    return TFX_OK;
}

tfx_status tfx_st_header_parse(tfx_st_header *h, const char *path, const char *json, size_t n, uint64_t data_start,
                               uint64_t file_bytes, tfx_error *err)
{
    if (n == 0 || json[0] != '{')
        return tfx_fail(err, TFX_E_DATA, "%s: is not a safetensors file: header does not begin with '{'", path);
    if (check_text(path, json, n, err) != TFX_OK)
        return err->status;

    parsed *all = NULL;
    size_t n_all = 0, cap = 0;
    const char *end = json;
    cJSON *root = cJSON_ParseWithLengthOpts(json, n + 1, &end, 1);
    if (!root) {
        tfx_fail(err, TFX_E_DATA, "%s: header is not JSON: error at offset %zu", path, 8 + (size_t)(end - json));
        goto done;
    }
    const cJSON *v;
    cJSON_ArrayForEach(v, root)
    {
        if (strcmp(v->string, "__metadata__") == 0) {
            if (parse_metadata(h, path, v, err) != TFX_OK)
                goto done;
            continue;
        }
        parsed *p = TFX_APPEND(all, n_all, cap);
        p->index = n_all - 1;
        p->tensor.name = tfx_strdup(v->string);
        place at = {path, p->tensor.name, err};
        if (parse_tensor(&at, v, data_start, &p->tensor, &p->dtype) != TFX_OK)
            goto done;
    }
    size_t n_arranged = n_all;
    n_all = 0; /* h owns the names from here */
    if (arrange(h, path, all, n_arranged, err) == TFX_OK)
        check_ranges(h, path, data_start, file_bytes, err);

done:
    for (size_t i = 0; i < n_all; i++)
        free(all[i].tensor.name);
    free(all);
    cJSON_Delete(root);
    return err->status;
}

void tfx_st_header_finish(tfx_st_header *h)
{
    for (size_t i = 0; i < h->n_tensors; i++)
        free(h->tensors[i].name);
    for (size_t i = 0; i < h->n_metadata; i++) {
        free(h->metadata[i].key);
        free(h->metadata[i].value);
    }
    free(h->tensors);
    free(h->dtypes);
    free(h->by_name);
    free(h->metadata);
    *h = (tfx_st_header){0};
}
