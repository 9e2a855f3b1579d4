#include "framework/checkpoint/checkpoint.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/base/text.h"
#include "framework/checkpoint/files.h"

#define CHUNK_BYTES ((size_t)4 << 20)

static tfx_st_dtype file_dtype(tfx_dtype d)
{
    return d == TFX_F32 ? TFX_ST_F32 : d == TFX_BF16 ? TFX_ST_BF16 : TFX_ST_I32;
}

/* ---- writing ---- */

static tfx_status write_tensors(const char *dir, const char *file, tfx_state_kind kind, const char *model,
                                const tfx_state_layout *state, const tfx_state_io *io, int64_t step, uint64_t *bytes,
                                char *hash, tfx_error *err)
{
    char *path = tfx_printf("%s/%s", dir, file), step_text[32];
    char *chunk = tfx_alloc(CHUNK_BYTES);
    tfx_st_writer *w = tfx_st_writer_create();
    snprintf(step_text, sizeof(step_text), "%" PRId64, step);
    tfx_st_writer_metadata(w, "format", "tfx");
    tfx_st_writer_metadata(w, "model", model);
    tfx_st_writer_metadata(w, "step", step_text);
    for (uint32_t i = 0; i < state->n; i++)
        if (state->tensors[i].kind == kind)
            tfx_st_writer_declare(w, state->tensors[i].name, file_dtype(state->tensors[i].dtype),
                                  state->tensors[i].n_dims, state->tensors[i].dims);
    tfx_st_writer_begin(w, path, err);
    for (uint32_t i = 0; i < state->n && err->status == TFX_OK; i++) {
        const tfx_state_tensor *t = &state->tensors[i];
        for (uint64_t at = 0; t->kind == kind && at < t->bytes && err->status == TFX_OK; at += CHUNK_BYTES) {
            size_t n = t->bytes - at < CHUNK_BYTES ? (size_t)(t->bytes - at) : CHUNK_BYTES;
            io->read(io->ctx, t, at, chunk, n);
            tfx_st_writer_write(w, chunk, n, err);
        }
    }
    uint64_t file_bytes = 0;
    if (err->status == TFX_OK)
        tfx_st_writer_finish(w, &file_bytes, hash, err);
    *bytes += file_bytes;
    tfx_st_writer_destroy(w);
    free(chunk);
    free(path);
    return err->status;
}

/* Numbers as text with all their digits: JSON readers keep only 53 bits. */
static void add_exact(cJSON *o, const char *key, double x)
{
    char text[64];
    snprintf(text, sizeof(text), "%.17g", x);
    cJSON_AddStringToObject(o, key, text);
}

static void add_integer(cJSON *o, const char *key, uint64_t x)
{
    char text[64];
    snprintf(text, sizeof(text), "%" PRIu64, x);
    cJSON_AddStringToObject(o, key, text);
}

static char *progress_text(const tfx_run_progress *p)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddNumberToObject(o, "format", 1);
    add_integer(o, "stage", (uint64_t)p->stage);
    add_integer(o, "stage_step", (uint64_t)p->stage_step);
    cJSON_AddBoolToObject(o, "stage_done", p->stage_done);
    add_integer(o, "step", (uint64_t)p->step);
    add_integer(o, "tokens", (uint64_t)p->tokens);
    add_integer(o, "schedule_first", (uint64_t)p->schedule_first);
    add_exact(o, "flops", p->flops);
    add_exact(o, "seconds", p->seconds);
    add_exact(o, "train_loss", p->train_loss);
    add_exact(o, "val_loss", p->val_loss);
    add_integer(o, "val_step", (uint64_t)p->val_step);
    cJSON *data = cJSON_AddObjectToObject(o, "data_position");
    add_integer(data, "batch_index", p->position.batch_index);
    for (int i = 0; i < 4; i++) {
        char key[16];
        snprintf(key, sizeof(key), "extra%d", i);
        add_integer(data, key, p->position.extra[i]);
    }
    char *text = cJSON_Print(o);
    cJSON_Delete(o);
    return text;
}

tfx_status tfx_checkpoint_write(const char *path, const char *model, const tfx_state_layout *state,
                                const tfx_state_io *io, const tfx_run_progress *progress, int params_only,
                                uint64_t *bytes, char hash[33], tfx_error *err)
{
    tfx_staged_dir dir = {0};
    char *parent = tfx_strdup(path), *slash = strrchr(parent, '/'), *json = NULL, *json_path = NULL;
    *bytes = 0;
    if (slash)
        *slash = 0;
    if (tfx_make_dirs(slash ? parent : ".", err) != TFX_OK || tfx_staged_dir_begin(&dir, path, err) != TFX_OK)
        goto done;
    if (write_tensors(dir.temp_path, "model.safetensors", TFX_STATE_PARAM, model, state, io, progress->step, bytes, hash,
                      err) != TFX_OK ||
        (!params_only && write_tensors(dir.temp_path, "optimizer.safetensors", TFX_STATE_OPTIMIZER, model, state, io,
                                       progress->step, bytes, NULL, err) != TFX_OK))
        goto done;
    json = progress_text(progress);
    json_path = tfx_printf("%s/progress.json", dir.temp_path);
    if (tfx_write_file_atomic(json_path, json, strlen(json), err) == TFX_OK)
        tfx_staged_dir_commit(&dir, err);
    *bytes += strlen(json);
done:
    tfx_staged_dir_finish(&dir);
    free(parent);
    free(json);
    free(json_path);
    return err->status;
}

/* ---- reading ---- */

static int get_integer(const cJSON *o, const char *key, uint64_t *out)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    char *end;
    if (!cJSON_IsString(v) || !*v->valuestring)
        return 0;
    errno = 0;
    *out = strtoull(v->valuestring, &end, 10);
    return !*end && !errno;
}

static int get_exact(const cJSON *o, const char *key, double *out)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    char *end;
    if (!cJSON_IsString(v) || !*v->valuestring)
        return 0;
    *out = strtod(v->valuestring, &end);
    return !*end;
}

tfx_status tfx_checkpoint_read_progress(const char *path, tfx_run_progress *p, tfx_error *err)
{
    char *file = tfx_printf("%s/progress.json", path), text[8192];
    FILE *f = fopen(file, "rb");
    if (!f) {
        tfx_fail(err, TFX_E_IO, "%s: %s", file, strerror(errno));
        free(file);
        return err->status;
    }
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = 0;
    fclose(f);
    cJSON *o = cJSON_Parse(text);
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(o, "data_position");
    uint64_t stage, stage_step, step, tokens, schedule_first, val_step;
    *p = (tfx_run_progress){.position = {.struct_size = sizeof(p->position)}};
    int ok = get_integer(o, "stage", &stage) && get_integer(o, "stage_step", &stage_step) &&
             get_integer(o, "step", &step) && get_integer(o, "tokens", &tokens) && get_integer(o, "schedule_first", &schedule_first) && get_exact(o, "flops", &p->flops) &&
             get_exact(o, "seconds", &p->seconds) && get_exact(o, "train_loss", &p->train_loss) &&
             get_exact(o, "val_loss", &p->val_loss) && get_integer(o, "val_step", &val_step) &&
             get_integer(data, "batch_index", &p->position.batch_index);
    for (int i = 0; i < 4 && ok; i++) {
        char key[16];
        snprintf(key, sizeof(key), "extra%d", i);
        ok = get_integer(data, key, &p->position.extra[i]);
    }
    if (ok) {
        p->stage = (int64_t)stage;
        p->stage_step = (int64_t)stage_step;
        p->step = (int64_t)step;
        p->tokens = (int64_t)tokens;
        p->schedule_first = (int64_t)schedule_first;
        p->val_step = (int64_t)val_step;
        p->stage_done = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "stage_done"));
    } else {
        tfx_fail(err, TFX_E_DATA, "%s: not a tfx progress file", file);
    }
    cJSON_Delete(o);
    free(file);
    return err->status;
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
    for (uint64_t at = 0; at < t->bytes; at += CHUNK_BYTES) {
        size_t n = t->bytes - at < CHUNK_BYTES ? (size_t)(t->bytes - at) : CHUNK_BYTES;
        tfx_status st = t->dtype == TFX_F32 ? tfx_st_read_f32(r, f, at / element, n / element, (float *)(void *)chunk, err)
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

/* Every tensor of the file has its place, and every place its tensor. */
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
        if (t->dtype != TFX_F32 && f->dtype != file_dtype(t->dtype))
            return tfx_fail(err, TFX_E_DATA, "%s: tensor %s: expected dtype %s", path, t->name,
                            tfx_dtype_name(t->dtype));
        used++;
    }
    for (size_t i = 0; used < tfx_st_count(r) && i < tfx_st_count(r); i++) {
        uint32_t at = tfx_state_find(state, tfx_st_at(r, i)->name);
        if (at == TFX_STATE_NONE || state->tensors[at].kind != kind)
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
    char *chunk = tfx_alloc(CHUNK_BYTES);
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

tfx_status tfx_weights_check(const char *file, const tfx_state_layout *state, tfx_error *err)
{
    tfx_st_reader *r = tfx_st_open(file, err);
    if (r)
        check_file(r, file, TFX_STATE_PARAM, state, 1, err);
    tfx_st_close(r);
    return err->status;
}

tfx_status tfx_checkpoint_load(const char *path, const char *hash, const tfx_state_layout *state,
                               const tfx_state_io *io, int params_only, tfx_error *err)
{
    char *model = tfx_printf("%s/model.safetensors", path), *optimizer = tfx_printf("%s/optimizer.safetensors", path);
    char found[33];
    size_t missing = 0;
    if (hash && tfx_file_hash(model, found, err) == TFX_OK && strcmp(hash, found))
        tfx_fail(err, TFX_E_DATA, "%s: expected content hash %s, found %s: the file was changed or is damaged", model, hash,
                 found);
    if (err->status == TFX_OK)
        load_file(model, TFX_STATE_PARAM, state, io, 0, &missing, err);
    if (err->status == TFX_OK && !params_only)
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
