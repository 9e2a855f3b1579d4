/* Observations from a CSV file: see framework/analysis/observations.h. */
#include <string.h>

#include "framework/analysis/csv_table.h"
#include "framework/analysis/observations.h"
#include "framework/base/memory.h"

#define N_ROLES (TFX_LAW_VARIABLES + 2) /* the variables, the loss, the FLOPs */
#define LOSS TFX_LAW_VARIABLES
#define FLOPS (TFX_LAW_VARIABLES + 1)
#define COUNT "124M or 1.24e8"

static void name_columns(tfx_csv_column *columns, const tfx_law *law)
{
    int takes_flops = 0;
    for (size_t k = 0; k < law->n_variables; k++) {
        const tfx_variable *v = &law->variables[k];
        columns[k] = (tfx_csv_column){v->column, v->alias, v->meaning, COUNT, 0, -1};
        takes_flops |= !strcmp(v->column, "flops");
    }
    columns[LOSS] = (tfx_csv_column){"loss", "val_loss", "the loss at the end of training", "2.85", 0, -1};
    if (!takes_flops)
        columns[FLOPS] = (tfx_csv_column){"flops", NULL, "training FLOPs", COUNT, 1, -1};
}

tfx_status tfx_observations_read_csv(tfx_observations *o, const tfx_law *law, const char *path, tfx_error *err)
{
    tfx_csv_column columns[N_ROLES] = {0};
    tfx_csv_table t;
    o->law = law;
    name_columns(columns, law);
    tfx_csv_table_open(&t, path, columns, N_ROLES, &o->notes, err);
    while (tfx_csv_table_next(&t, err)) {
        tfx_observation *p = TFX_APPEND(o->items, o->n, o->cap);
        p->line = tfx_csv_line(t.csv);
        for (size_t k = 0; k < N_ROLES && err->status == TFX_OK; k++)
            tfx_csv_table_positive(&t, k, k == LOSS ? &p->loss : k == FLOPS ? &p->flops : &p->x[k], err);
    }
    tfx_csv_table_close(&t);
    return err->status;
}
