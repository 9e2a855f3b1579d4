/* Endpoints from a CSV file: see framework/analysis/endpoints.h. */
#include <math.h>
#include <string.h>

#include "framework/analysis/csv_table.h"
#include "framework/analysis/endpoints.h"
#include "framework/base/memory.h"

enum { ARM, SEED, LOSS, PARAMETERS, INCL, EXCL = INCL + TFX_N_COSTS, N_COLUMNS = EXCL + TFX_N_COSTS };

#define COST "1.24e15 or 300B"

static const tfx_csv_column all[N_COLUMNS] = {
    [ARM] = {"arm", "name", "what it is called", "grown", 0, -1},
    [SEED] = {"seed", NULL, "runs with the same one saw the same data", "1", 1, -1},
    [LOSS] = {"loss", "val_loss", "the loss at the end of training", "2.85", 0, -1},
    [PARAMETERS] = {"params", "parameters", "of the model", "124M", 1, -1},
    [INCL + TFX_COST_FLOPS] = {"flops", "flops_incl", "FLOPs including ancestors", COST, 1, -1},
    [INCL + TFX_COST_TOKENS] = {"tokens", "tokens_incl", "tokens including ancestors", COST, 1, -1},
    [INCL + TFX_COST_SECONDS] = {"seconds", "seconds_incl", "seconds including ancestors", COST, 1, -1},
    [EXCL + TFX_COST_FLOPS] = {"flops_excl", NULL, "FLOPs without ancestors", COST, 1, -1},
    [EXCL + TFX_COST_TOKENS] = {"tokens_excl", NULL, "tokens without ancestors", COST, 1, -1},
    [EXCL + TFX_COST_SECONDS] = {"seconds_excl", NULL, "seconds without ancestors", COST, 1, -1},
};

/* Without the column there is one seed, and nobody says that two arms saw the same data. */
static tfx_status read_seed(const tfx_csv_table *t, tfx_endpoint *e, tfx_error *err)
{
    const char *text = tfx_csv_table_text(t, SEED);
    e->seed = 1;
    if (t->columns[SEED].at < 0)
        return TFX_OK;
    if (!tfx_parse_integer(text, &e->seed))
        return tfx_fail_at(err, t->path, tfx_csv_line(t->csv), "seed: expected a whole number, found '%s'", text);
    e->data_order = tfx_strdup(text);
    return TFX_OK;
}

static tfx_status read_row(const tfx_csv_table *t, tfx_endpoint *e, tfx_error *err)
{
    *e = (tfx_endpoint){.arm = tfx_strdup(tfx_csv_table_text(t, ARM)), .decayed = 1, .parameters = NAN};
    if (!*e->arm)
        return tfx_fail_at(err, t->path, tfx_csv_line(t->csv), "arm: expected a name, found nothing");
    if (read_seed(t, e, err) != TFX_OK || tfx_csv_table_positive(t, LOSS, &e->loss, err) != TFX_OK)
        return err->status;
    tfx_csv_table_positive(t, PARAMETERS, &e->parameters, err);
    for (int k = 0; k < TFX_N_COSTS && err->status == TFX_OK; k++) {
        e->incl[k] = e->excl[k] = NAN;
        if (tfx_csv_table_positive(t, (size_t)(INCL + k), &e->incl[k], err) == TFX_OK)
            tfx_csv_table_positive(t, (size_t)(EXCL + k), &e->excl[k], err);
        if (e->excl[k] > e->incl[k])
            tfx_fail_at(err, t->path, tfx_csv_line(t->csv), "%s: expected no more than with ancestors, %g, found %g",
                        t->columns[EXCL + k].name, e->incl[k], e->excl[k]);
        if (!isfinite(e->excl[k]) && t->columns[EXCL + k].at >= 0) /* left empty: what has no ancestors */
            e->excl[k] = e->incl[k];
    }
    return err->status;
}

/* Rows of one arm come to stand together, where the first of them is. */
static void group_arms(tfx_endpoints *e)
{
    for (size_t i = 1; i < e->n; i++) {
        size_t to = i;
        while (to > 0 && strcmp(e->items[to - 1].arm, e->items[i].arm) != 0)
            to--;
        tfx_endpoint moved = e->items[i];
        if (to > 0) {
            memmove(&e->items[to + 1], &e->items[to], (i - to) * sizeof(moved));
            e->items[to] = moved;
        }
    }
}

tfx_status tfx_endpoints_read_csv(tfx_endpoints *e, const char *path, tfx_text *notes, tfx_error *err)
{
    tfx_csv_column columns[N_COLUMNS];
    tfx_csv_table t;
    memcpy(columns, all, sizeof(all));
    tfx_csv_table_open(&t, path, columns, N_COLUMNS, notes, err);
    while (tfx_csv_table_next(&t, err))
        read_row(&t, TFX_APPEND(e->items, e->n, e->cap), err);
    tfx_csv_table_close(&t);
    if (err->status == TFX_OK && !e->n)
        tfx_fail(err, TFX_E_INVALID, "%s: expected rows behind the header, found none", path);
    group_arms(e);
    return err->status;
}
