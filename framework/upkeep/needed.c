#include "framework/upkeep/needed.h"

#include "framework/base/memory.h"
#include "framework/spec/start.h"
#include "framework/store/upkeep.h"
#include "framework/train/start.h"

/* The checkpoint that a run would start from now; 0: there is none. */
static tfx_id find(tfx_store *store, const tfx_open_start *open, tfx_error *err)
{
    tfx_start start = {0};
    tfx_found_start found = {0};
    tfx_error absent = {0};
    tfx_id checkpoint = 0;
    if (tfx_start_parse(&start, open->start, err) == TFX_OK) {
        if (start.kind == TFX_START_ARM) { /* it is that arm's run of the same seed */
            start.run = tfx_store_run_of(store, open->experiment, start.name, open->seed, err);
            start.kind = TFX_START_RUN;
        }
        if (err->status == TFX_OK && tfx_start_find(store, &start, &found, &absent) == TFX_OK)
            checkpoint = found.checkpoint;
        if (absent.status != TFX_OK && absent.status != TFX_E_INVALID)
            tfx_fail(err, absent.status, "%s", absent.text);
    }
    tfx_found_start_finish(&found);
    tfx_start_finish(&start);
    return checkpoint;
}

tfx_status tfx_needed_find(tfx_needed *out, tfx_store *store, tfx_error *err)
{
    tfx_open_start *list = NULL;
    size_t n = 0;
    *out = (tfx_needed){0};
    tfx_store_open_starts(store, &list, &n, err);
    for (size_t i = 0; i < n && err->status == TFX_OK; i++) {
        tfx_id checkpoint = find(store, &list[i], err);
        if (checkpoint)
            *TFX_APPEND(out->list, out->n, out->cap) = (struct tfx_need){checkpoint, list[i].run, list[i].experiment};
    }
    tfx_open_starts_finish(list, n);
    return err->status;
}

void tfx_needed_finish(tfx_needed *n)
{
    free(n->list);
    *n = (tfx_needed){0};
}

const struct tfx_need *tfx_needed_by(const tfx_needed *n, tfx_id checkpoint)
{
    for (size_t i = 0; i < n->n; i++)
        if (n->list[i].checkpoint == checkpoint)
            return &n->list[i];
    return NULL;
}
