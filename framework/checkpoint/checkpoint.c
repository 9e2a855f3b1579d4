#include "framework/checkpoint/checkpoint.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/base/text.h"
#include "framework/checkpoint/files.h"

tfx_st_dtype tfx_checkpoint_dtype(tfx_dtype d)
{
    return d == TFX_F32 ? TFX_ST_F32 : d == TFX_BF16 ? TFX_ST_BF16 : TFX_ST_I32;
}

static int same_shape(const tfx_st_tensor *f, const tfx_state_tensor *t)
{
    return f->n_dims == t->n_dims && !memcmp(f->dims, t->dims, sizeof(int64_t) * t->n_dims);
}

static tfx_status fail_shape(const char *file, const tfx_st_tensor *f, const tfx_state_tensor *t, tfx_error *err)
{
    char a[TFX_SHAPE_TEXT], b[TFX_SHAPE_TEXT];
    return tfx_fail(err, TFX_E_DATA, "%s: tensor %s: expected shape %s, found %s", file, t->name,
                    tfx_format_shape(a, t->n_dims, t->dims), tfx_format_shape(b, f->n_dims, f->dims));
}

/* Loads one tensor in pieces: f32 with conversion, anything else as raw bytes. */
static tfx_status load_tensor(tfx_st_reader *r, const tfx_st_tensor *f, const tfx_state_tensor *t,
                              const tfx_state_io *io, char *chunk, tfx_error *err)
{
    size_t element = tfx_dtype_bytes(t->dtype);
    for (uint64_t at = 0; at < t->bytes; at += TFX_CHECKPOINT_CHUNK) {
        size_t n = t->bytes - at < TFX_CHECKPOINT_CHUNK ? (size_t)(t->bytes - at) : TFX_CHECKPOINT_CHUNK;
        tfx_status st = t->dtype == TFX_F32
                            ? tfx_st_read_f32(r, f, at / element, n / element, (float *)(void *)chunk, err)
                            : tfx_st_read_raw(r, f, at, n, chunk, err);
        if (st != TFX_OK)
            return st;
        io->write(io->ctx, t, at, chunk, n);
    }
    return TFX_OK;
}

static tfx_status fail_missing(const char *path, const tfx_st_reader *r, const char *name, tfx_error *err)
{
    tfx_suggest known = {.name = name};
    for (size_t i = 0; i < tfx_st_count(r); i++)
        tfx_suggest_add(&known, "%s", tfx_st_at(r, i)->name);
    tfx_fail(err, TFX_E_DATA, "%s: tensor %s is missing", path, name);
    return tfx_suggest_end(&known, "the file has none", err);
}

/* Every tensor of the file has its place, and every place its tensor. Which slices were old where the file was written
 * may be of no account here. */
static tfx_status check_file(const tfx_st_reader *r, const char *path, tfx_state_kind kind,
                             const tfx_state_layout *state, int fixed_may_miss, tfx_error *err)
{
    size_t used = 0;
    for (uint32_t i = 0; i < state->n; i++) {
        const tfx_state_tensor *t = &state->tensors[i];
        if (t->kind != kind)
            continue;
        const tfx_st_tensor *f = tfx_st_find(r, t->name);
        if (!f && fixed_may_miss && (t->flags & TFX_PARAM_FIXED))
            continue;
        if (!f)
            return fail_missing(path, r, t->name, err);
        if (!same_shape(f, t))
            return fail_shape(path, f, t, err);
        if (t->dtype != TFX_F32 && f->dtype != tfx_checkpoint_dtype(t->dtype))
            return tfx_fail(err, TFX_E_DATA, "%s: tensor %s: expected dtype %s", path, t->name,
                            tfx_dtype_name(t->dtype));
        used++;
    }
    for (size_t i = 0; used < tfx_st_count(r) && i < tfx_st_count(r); i++) {
        uint32_t at = tfx_state_find(state, tfx_st_at(r, i)->name);
        if ((at == TFX_STATE_NONE || state->tensors[at].kind != kind) && !tfx_state_is_places(tfx_st_at(r, i)->name))
            return tfx_fail(err, TFX_E_DATA, "%s: tensor %s belongs to no parameter of the model", path,
                            tfx_st_at(r, i)->name);
    }
    return TFX_OK;
}

/* Checks everything before anything changes. */
static tfx_status load_file(const char *path, tfx_state_kind kind, const tfx_state_layout *state,
                            const tfx_state_io *io, int fixed_may_miss, size_t *n_missing, tfx_error *err)
{
    tfx_st_reader *r = tfx_st_open(path, err);
    char *chunk = tfx_alloc(TFX_CHECKPOINT_CHUNK);
    if (r && check_file(r, path, kind, state, fixed_may_miss, err) == TFX_OK) {
        for (uint32_t i = 0; i < state->n && err->status == TFX_OK; i++) {
            const tfx_state_tensor *t = &state->tensors[i];
            const tfx_st_tensor *f = t->kind == kind ? tfx_st_find(r, t->name) : NULL;
            if (f)
                load_tensor(r, f, t, io, chunk, err);
            else if (t->kind == kind)
                ++*n_missing;
        }
    }
    free(chunk);
    tfx_st_close(r);
    return err->status;
}

tfx_status tfx_checkpoint_tensors(const char *file, tfx_state_kind kind, tfx_state_layout *state, char **model,
                                  tfx_error *err)
{
    tfx_st_reader *r = tfx_st_open(file, err);
    for (size_t i = 0; r && i < tfx_st_count(r) && err->status == TFX_OK; i++) {
        const tfx_st_tensor *f = tfx_st_at(r, i);
        tfx_dtype dtype = f->dtype == TFX_ST_F32 ? TFX_F32 : f->dtype == TFX_ST_BF16 ? TFX_BF16 : TFX_I32;
        if (tfx_checkpoint_dtype(dtype) != f->dtype)
            tfx_fail(err, TFX_E_DATA, "%s: tensor %s: expected dtype f32, bf16 or i32", file, f->name);
        else
            tfx_state_add(state, kind, f->name, dtype, f->n_dims, f->dims);
    }
    if (r && model)
        *model = tfx_strdup(tfx_st_metadata(r, "model"));
    tfx_st_close(r);
    return err->status;
}

tfx_status tfx_weights_check(const char *file, const tfx_state_layout *state, tfx_error *err)
{
    tfx_st_reader *r = tfx_st_open(file, err);
    if (r)
        check_file(r, file, TFX_STATE_PARAM, state, 1, err);
    tfx_st_close(r);
    return err->status;
}

tfx_status tfx_checkpoint_check(const char *path, const char *json_hash, int params_only, tfx_error *err)
{
    tfx_checkpoint_record record;
    if (tfx_checkpoint_record_read(path, json_hash, &record, err) == TFX_OK &&
        tfx_checkpoint_check_file(path, TFX_CHECKPOINT_WEIGHTS, record.weights, err) == TFX_OK && !params_only)
        tfx_checkpoint_check_file(path, TFX_CHECKPOINT_OPTIMIZER, record.optimizer, err);
    tfx_checkpoint_record_finish(&record);
    return err->status;
}

tfx_status tfx_checkpoint_load(const char *path, const char *json_hash, const tfx_state_layout *state,
                               const tfx_state_io *io, int params_only, tfx_error *err)
{
    char *model = tfx_printf("%s/" TFX_CHECKPOINT_WEIGHTS, path);
    char *optimizer = tfx_printf("%s/" TFX_CHECKPOINT_OPTIMIZER, path);
    size_t missing = 0;
    if (tfx_checkpoint_check(path, json_hash, params_only, err) == TFX_OK &&
        load_file(model, TFX_STATE_PARAM, state, io, 0, &missing, err) == TFX_OK && !params_only)
        load_file(optimizer, TFX_STATE_OPTIMIZER, state, io, 0, &missing, err);
    free(model);
    free(optimizer);
    return err->status;
}

tfx_status tfx_weights_load(const char *file, const tfx_state_layout *state, const tfx_state_io *io, size_t *n_missing,
                            tfx_error *err)
{
    *n_missing = 0;
    return load_file(file, TFX_STATE_PARAM, state, io, 1, n_missing, err);
}
