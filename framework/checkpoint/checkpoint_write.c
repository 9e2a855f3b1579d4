/* Writing checkpoints. All files are written first, which takes as long as copying them into the system's cache, and then flushed to disk
 * as a whole, on a thread of its own: that takes most of the time, and nothing else has to wait for it. */
#include "framework/checkpoint/checkpoint.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/checkpoint/atomic_file.h"
#include "framework/checkpoint/files.h"

struct tfx_checkpoint_writing {
    tfx_staged_dir dir;
    pthread_t thread;
    int has_thread;
    atomic_int is_done;
    tfx_error err; /* the thread's */
};

static tfx_status write_tensors(const char *dir, const char *file, tfx_state_kind kind, const char *model,
                                const tfx_state_layout *state, const tfx_state_io *io, int64_t step, uint64_t *bytes,
                                char *hash, tfx_error *err)
{
    char *path = tfx_printf("%s/%s", dir, file), step_text[32];
    char *chunk = tfx_alloc(TFX_CHECKPOINT_CHUNK);
    tfx_st_writer *w = tfx_st_writer_create();
    tfx_st_writer_unsynced(w);
    snprintf(step_text, sizeof(step_text), "%" PRId64, step);
    tfx_st_writer_metadata(w, "format", "tfx");
    tfx_st_writer_metadata(w, "model", model);
    tfx_st_writer_metadata(w, "step", step_text);
    for (uint32_t i = 0; i < state->n; i++)
        if (state->tensors[i].kind == kind)
            tfx_st_writer_declare(w, state->tensors[i].name, tfx_checkpoint_dtype(state->tensors[i].dtype),
                                  state->tensors[i].n_dims, state->tensors[i].dims);
    tfx_st_writer_begin(w, path, err);
    for (uint32_t i = 0; i < state->n && err->status == TFX_OK; i++) {
        const tfx_state_tensor *t = &state->tensors[i];
        for (uint64_t at = 0; t->kind == kind && at < t->bytes && err->status == TFX_OK; at += TFX_CHECKPOINT_CHUNK) {
            size_t n = t->bytes - at < TFX_CHECKPOINT_CHUNK ? (size_t)(t->bytes - at) : TFX_CHECKPOINT_CHUNK;
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

static void *commit(void *arg)
{
    tfx_checkpoint_writing *w = arg;
    tfx_staged_dir_commit(&w->dir, &w->err);
    atomic_store(&w->is_done, 1);
    return NULL;
}

tfx_checkpoint_writing *tfx_checkpoint_begin(const char *path, const char *model, const tfx_state_layout *state,
                                             const tfx_state_io *io, const tfx_checkpoint_record *what, int params_only,
                                             tfx_checkpoint_written *out, tfx_error *err)
{
    tfx_checkpoint_writing *w = TFX_NEW(tfx_checkpoint_writing);
    tfx_checkpoint_record record = *what;
    int64_t step = what->at.step;
    char *parent = tfx_parent_dir(path);
    *out = (tfx_checkpoint_written){0};
    if (tfx_make_dirs(parent, err) == TFX_OK && tfx_staged_dir_begin(&w->dir, path, err) == TFX_OK &&
        write_tensors(w->dir.temp_path, TFX_CHECKPOINT_WEIGHTS, TFX_STATE_PARAM, model, state, io, step, &out->bytes,
                      record.weights, err) == TFX_OK &&
        (params_only || write_tensors(w->dir.temp_path, TFX_CHECKPOINT_OPTIMIZER, TFX_STATE_OPTIMIZER, model, state, io,
                                      step, &out->bytes, record.optimizer, err) == TFX_OK))
        tfx_checkpoint_record_write(w->dir.temp_path, &record, &out->bytes, out->json_hash, err);
    memcpy(out->hash, record.weights, sizeof(out->hash));
    free(parent);
    if (err->status != TFX_OK) {
        tfx_staged_dir_finish(&w->dir);
        free(w);
        return NULL;
    }
    w->has_thread = pthread_create(&w->thread, NULL, commit, w) == 0;
    if (!w->has_thread)
        commit(w);
    return w;
}

int tfx_checkpoint_is_durable(const tfx_checkpoint_writing *w)
{
    return atomic_load(&w->is_done);
}

tfx_status tfx_checkpoint_end(tfx_checkpoint_writing *w, tfx_error *err)
{
    if (w->has_thread)
        pthread_join(w->thread, NULL);
    tfx_staged_dir_finish(&w->dir);
    if (w->err.status != TFX_OK)
        tfx_fail(err, w->err.status, "%s", w->err.text);
    free(w);
    return err->status;
}

tfx_status tfx_checkpoint_write(const char *path, const char *model, const tfx_state_layout *state,
                                const tfx_state_io *io, const tfx_checkpoint_record *record, int params_only,
                                tfx_checkpoint_written *out, tfx_error *err)
{
    tfx_checkpoint_writing *w = tfx_checkpoint_begin(path, model, state, io, record, params_only, out, err);
    return w ? tfx_checkpoint_end(w, err) : err->status;
}
