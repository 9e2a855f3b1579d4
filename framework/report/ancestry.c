/* Lineage: see framework/report/ancestry.h. */
#include "framework/report/ancestry.h"

#include <cjson/cJSON.h>
#include <math.h>

#include "framework/base/json.h"
#include "framework/base/text.h"
#include "framework/report/table.h"
#include "framework/store/queries.h"

tfx_id tfx_report_find_checkpoint(tfx_store *s, const char *name, tfx_error *err)
{
    tfx_id id;
    if (tfx_parse_integer(name, &id)) {
        tfx_checkpoint_info info;
        if (tfx_store_checkpoint(s, id, &info, err) != TFX_OK)
            return 0;
        tfx_checkpoint_info_finish(&info);
        return id;
    }
    id = tfx_store_checkpoint_in(s, name, err);
    if (!id && err->status == TFX_OK)
        tfx_fail(err, TFX_E_INVALID,
                 "database %s has no checkpoint '%s' (expected an id, or the folder of a checkpoint)",
                 tfx_store_path(s), name);
    return id;
}

static void print_event(tfx_store *s, tfx_id event, FILE *out, tfx_error *err)
{
    char before[32], after[32], carried[32];
    tfx_rows *q = tfx_query_growth_event(s, event, err);
    if (tfx_rows_next(q, err)) {
        double from = tfx_rows_real(q, 6, err), to = tfx_rows_real(q, 7, err), delta = tfx_rows_real(q, 8, err);
        fprintf(out, "|\n+-- grows: %s -> %s by %s, %s -> %s parameters (%s carried over)\n", tfx_rows_text(q, 0, err),
                tfx_rows_text(q, 1, err), tfx_rows_text(q, 2, err), tfx_format_count(before, tfx_rows_real(q, 3, err)),
                tfx_format_count(after, tfx_rows_real(q, 4, err)), tfx_format_count(carried, tfx_rows_real(q, 5, err)));
        if (isfinite(from) && isfinite(to))
            fprintf(out, "|   probe: loss %.4f -> %.4f (delta %+.1e)", from, to, to - from);
        else
            fputs("|   probe: loss not finite", out);
        if (isfinite(delta))
            fprintf(out, ", max |delta logit| %.1e\n|\n", delta);
        else
            fputs(", max |delta logit| not finite\n|\n", out);
    }
    tfx_rows_close(q);
}

static void print_checkpoint(tfx_rows *q, FILE *out, tfx_error *err)
{
    char tokens[32], flops[32], params[32];
    /* Nothing comes below the last. */
    const char *margin = tfx_rows_int(q, TFX_ANCESTRY_DISTANCE, 0, err) == 0 ? "    " : "|   ";
    double loss = tfx_rows_real(q, TFX_ANCESTRY_VAL_LOSS, err), own = tfx_rows_real(q, TFX_ANCESTRY_FLOPS, err);
    double all = tfx_rows_real(q, TFX_ANCESTRY_FLOPS_INCL, err);
    fprintf(out, "* checkpoint %s: step %s, %s tokens, %s FLOPs", tfx_rows_as_text(q, TFX_ANCESTRY_CHECKPOINT),
            tfx_rows_as_text(q, TFX_ANCESTRY_STEP),
            tfx_format_count(tokens, tfx_rows_real(q, TFX_ANCESTRY_TOKENS, err)),
            tfx_cell_format(flops, TFX_CELL_FLOPS, own));
    if (all > own)
        fprintf(out, " (%s tokens, %s FLOPs including ancestors)",
                tfx_format_count(tokens, tfx_rows_real(q, TFX_ANCESTRY_TOKENS_INCL, err)),
                tfx_cell_format(flops, TFX_CELL_FLOPS, all));
    if (isfinite(loss))
        fprintf(out, ", val loss %.4f", loss);
    fprintf(out, "\n%s%s (%s parameters), stage %s, %s\n%s%s%s%s\n", margin, tfx_rows_text(q, TFX_ANCESTRY_MODEL, err),
            tfx_format_count(params, tfx_rows_real(q, TFX_ANCESTRY_PARAMETERS, err)),
            tfx_rows_as_text(q, TFX_ANCESTRY_STAGE), tfx_rows_text(q, TFX_ANCESTRY_REASON, err), margin,
            tfx_rows_text(q, TFX_ANCESTRY_PATH, err),
            tfx_rows_is_null(q, TFX_ANCESTRY_DELETED) ? "" : " (files removed)",
            tfx_rows_int(q, TFX_ANCESTRY_SUPERSEDED, 0, err) ? " (superseded)" : "");
}

/* What is printed next depends on the row after, so rows that need no line of their own
 * are counted until one that does comes. */
static tfx_status print_tree(tfx_store *s, tfx_id checkpoint, FILE *out, tfx_error *err)
{
    tfx_rows *q = tfx_query_ancestry(s, checkpoint, err);
    tfx_id run = 0;
    int skipped = 0;
    while (tfx_rows_next(q, err)) {
        tfx_id of_run = tfx_rows_int(q, TFX_ANCESTRY_RUN, 1, err);
        int grown = !tfx_rows_is_null(q, TFX_ANCESTRY_GROWTH_EVENT);
        int last = tfx_rows_int(q, TFX_ANCESTRY_DISTANCE, 0, err) == 0;
        if (of_run == run && !grown && !last &&
            !tfx_query_is_origin(s, tfx_rows_int(q, TFX_ANCESTRY_CHECKPOINT, 1, err), err)) {
            skipped++;
            continue;
        }
        if (skipped)
            fprintf(out, "|   ... %d checkpoint%s of training ...\n", skipped, skipped > 1 ? "s" : "");
        skipped = 0;
        if (of_run != run)
            fprintf(out, "%srun %s: %s / %s, seed %s\n", run ? "|\n" : "", tfx_rows_as_text(q, TFX_ANCESTRY_RUN),
                    tfx_rows_text(q, TFX_ANCESTRY_EXPERIMENT, err), tfx_rows_text(q, TFX_ANCESTRY_ARM, err),
                    tfx_rows_as_text(q, TFX_ANCESTRY_SEED));
        if (grown)
            print_event(s, tfx_rows_int(q, TFX_ANCESTRY_GROWTH_EVENT, 1, err), out, err);
        print_checkpoint(q, out, err);
        run = of_run;
    }
    tfx_rows_close(q);
    return err->status;
}

tfx_status tfx_report_lineage(tfx_store *s, tfx_id checkpoint, int json, FILE *out, tfx_error *err)
{
    if (!json)
        return print_tree(s, checkpoint, out, err);
    cJSON *document = cJSON_CreateObject();
    cJSON_AddNumberToObject(document, "checkpoint", (double)checkpoint);
    tfx_rows *checkpoints = tfx_query_ancestry(s, checkpoint, err);
    tfx_rows *events = tfx_query_growth_events(s, checkpoint, err);
    cJSON_AddItemToObject(document, "checkpoints", tfx_table_json(checkpoints, err));
    cJSON_AddItemToObject(document, "growth_events", tfx_table_json(events, err));
    tfx_rows_close(checkpoints);
    tfx_rows_close(events);
    if (err->status == TFX_OK)
        tfx_json_print(document, out);
    cJSON_Delete(document);
    return err->status;
}
