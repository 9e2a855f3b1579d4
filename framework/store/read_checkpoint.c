/* Store: the checkpoints that a run continues or starts from, or prunes. */
#include <limits.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/checkpoint/layout.h"
#include "framework/store/rows.h"
#include "framework/store/statement.h"

#define CHECKPOINT_COLUMNS \
    "SELECT c.id, c.run, c.stage, c.parent, c.step, c.tokens, t.number, t.first_step, c.flops, c.seconds, " \
    "c.val_loss, c.path, c.hash, c.json_hash, c.reason FROM checkpoint c JOIN stage t ON t.id = c.stage "

static void fill_checkpoint(tfx_rows *q, tfx_checkpoint_info *out, tfx_error *err)
{
    out->id = tfx_rows_int(q, 0, 1, err);
    out->run = tfx_rows_int(q, 1, 1, err);
    out->stage = tfx_rows_int(q, 2, 1, err);
    out->parent = tfx_rows_id(q, 3, err);
    out->step = tfx_rows_int(q, 4, 0, err);
    out->tokens = tfx_rows_int(q, 5, 0, err);
    out->stage_index = tfx_rows_int(q, 6, 0, err);
    out->stage_first_step = tfx_rows_int(q, 7, 0, err);
    out->flops = tfx_rows_real(q, 8, err);
    out->seconds = tfx_rows_real(q, 9, err);
    out->val_loss = tfx_rows_real(q, 10, err);
    out->path = tfx_strdup(tfx_rows_path(q, 11, err)); /* it may be removed with all that is in it */
    out->hash = tfx_strdup(tfx_rows_text(q, 12, err));
    out->json_hash = tfx_rows_copy(q, 13, err);
    out->reason = tfx_strdup(tfx_rows_text(q, 14, err));
}

/* The first of these rows; all zero when there is none. */
static tfx_status read_checkpoint(tfx_rows *q, tfx_checkpoint_info *out, tfx_error *err)
{
    *out = (tfx_checkpoint_info){0};
    if (tfx_rows_next(q, err))
        fill_checkpoint(q, out, err);
    tfx_rows_close(q);
    if (err->status != TFX_OK)
        tfx_checkpoint_info_finish(out);
    return err->status;
}

tfx_status tfx_store_checkpoint_before(tfx_store *s, tfx_id run, int64_t step, tfx_checkpoint_info *out, tfx_error *err)
{
    return read_checkpoint(tfx_sql_rows(s, err,
                                        CHECKPOINT_COLUMNS "WHERE c.run = ? AND c.step < ? AND c.superseded = 0 AND "
                                                           "c.deleted IS NULL ORDER BY c.step DESC, c.id DESC LIMIT 1",
                                        "ki", run, step),
                           out, err);
}

tfx_status tfx_store_latest_checkpoint(tfx_store *s, tfx_id run, tfx_checkpoint_info *out, tfx_error *err)
{
    return tfx_store_checkpoint_before(s, run, INT64_MAX, out, err);
}

/* At the step of a growth event there are those of both sides. What an interruption left serves, too, where nothing
 * else does. */
tfx_status tfx_store_checkpoint_at_step(tfx_store *s, tfx_id run, int64_t step, tfx_checkpoint_info *out,
                                        tfx_error *err)
{
    return read_checkpoint(tfx_sql_rows(s, err,
                                        CHECKPOINT_COLUMNS
                                        "WHERE c.run = ? AND c.step = ? AND c.superseded = 0 AND c.deleted IS NULL AND "
                                        "c.reason <> 'grown' ORDER BY c.reason = 'interrupted', c.id DESC LIMIT 1",
                                        "ki", run, step),
                           out, err);
}

tfx_status tfx_store_checkpoint_at_end(tfx_store *s, tfx_id run, int64_t stage, tfx_checkpoint_info *out,
                                       tfx_error *err)
{
    return read_checkpoint(tfx_sql_rows(s, err,
                                        CHECKPOINT_COLUMNS
                                        "WHERE c.run = ?1 AND c.superseded = 0 AND c.deleted IS NULL AND (c.reason = "
                                        "'final' AND ?2 IN (-1, t.number) OR c.reason = 'stage_end' AND ?2 = t.number) "
                                        "ORDER BY c.id DESC LIMIT 1",
                                        "ki", run, stage),
                           out, err);
}

char *tfx_store_checkpoint_steps(tfx_store *s, tfx_id run, tfx_error *err)
{
    tfx_rows *q = tfx_sql_rows(s, err,
                               "SELECT group_concat(step, ', ') FROM (SELECT DISTINCT step FROM checkpoint WHERE "
                               "run = ? AND superseded = 0 AND deleted IS NULL ORDER BY step)",
                               "k", run);
    char *steps = tfx_rows_next(q, err) ? tfx_rows_copy(q, 0, err) : NULL;
    tfx_rows_close(q);
    return steps;
}

/* `path` without trailing slashes and without a model.safetensors at its end. */
static char *folder_of(const char *path)
{
    char *p = tfx_strdup(path);
    char *slash = strrchr(p, '/');
    if (slash && !strcmp(slash + 1, TFX_CHECKPOINT_WEIGHTS))
        *slash = '\0';
    for (size_t n = strlen(p); n > 1 && p[n - 1] == '/'; n--)
        p[n - 1] = '\0';
    return p;
}

/* A repeated step writes to the same folder; the row that counts is the one meant. */
static tfx_id recorded_at(tfx_store *s, const char *path, tfx_error *err)
{
    return tfx_sql_int(s, err, "SELECT id FROM checkpoint WHERE path = ? ORDER BY superseded, id DESC LIMIT 1", "t",
                       path);
}

tfx_id tfx_store_checkpoint_in(tfx_store *s, const char *name, tfx_error *err)
{
    char *folder = folder_of(name);
    tfx_id id = recorded_at(s, folder, err);
    /* A path from here: make both absolute, then take the database's folder off. */
    char absolute[PATH_MAX], *home = tfx_store_folder(s);
    if (!id && realpath(folder, absolute)) {
        size_t n = strcmp(home, "/") ? strlen(home) : 0;
        id = recorded_at(s, absolute, err);
        if (!id && !strncmp(absolute, home, n) && absolute[n] == '/')
            id = recorded_at(s, absolute + n + 1, err);
    }
    free(home);
    free(folder);
    return id;
}

tfx_status tfx_store_checkpoint(tfx_store *s, tfx_id checkpoint, tfx_checkpoint_info *out, tfx_error *err)
{
    tfx_rows *q = tfx_sql_rows(s, err, CHECKPOINT_COLUMNS "WHERE c.id = ?", "k", checkpoint);
    if (read_checkpoint(q, out, err) == TFX_OK && !out->id)
        tfx_sql_fail_missing(s, "checkpoint", checkpoint, err);
    return err->status;
}

void tfx_checkpoint_info_finish(tfx_checkpoint_info *i)
{
    free(i->path);
    free(i->hash);
    free(i->json_hash);
    free(i->reason);
    *i = (tfx_checkpoint_info){0};
}

tfx_status tfx_store_checkpoints_of(tfx_store *s, tfx_id run, const char *reason, tfx_checkpoint_info **out, size_t *n,
                                    tfx_error *err)
{
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    tfx_rows *q = tfx_sql_rows(s, err,
                               CHECKPOINT_COLUMNS "WHERE c.run = ? AND c.reason = ? AND c.superseded = 0 "
                                                  "AND c.deleted IS NULL ORDER BY c.step, c.id",
                               "kt", run, reason);
    while (tfx_rows_next(q, err))
        fill_checkpoint(q, TFX_APPEND(*out, *n, cap), err);
    tfx_rows_close(q);
    if (err->status != TFX_OK) {
        for (size_t i = 0; i < *n; i++)
            tfx_checkpoint_info_finish(&(*out)[i]);
        free(*out);
        *out = NULL;
        *n = 0;
    }
    return err->status;
}
