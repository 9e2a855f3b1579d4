/* Curves: see framework/report/cost_curve.h. */
#include "framework/report/cost_curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/base/text.h"
#include "framework/report/plot.h"
#include "framework/report/sql.h"

static const struct axis {
    const char *name;
    tfx_cell cell;
} axes[] = {
    {"flops", TFX_CELL_FLOPS}, {"tokens", TFX_CELL_COUNT}, {"seconds", TFX_CELL_SECONDS}, {"steps", TFX_CELL_PLAIN}};

#define N_AXES (sizeof(axes) / sizeof(axes[0]))

static const struct axis *find_axis(const char *name, tfx_error *err)
{
    const struct axis *found = NULL;
    tfx_suggest known = {.name = name};
    for (size_t i = 0; i < N_AXES; i++) {
        tfx_suggest_add(&known, "%s", axes[i].name);
        if (!strcmp(axes[i].name, name))
            found = &axes[i];
    }
    if (!found)
        tfx_fail(err, TFX_E_INVALID, "--x: there is no axis '%s'", name);
    tfx_suggest_end(&known, NULL, err);
    return found;
}

/* One letter per arm; the legend says which. */
static void draw(sqlite3_stmt *q, const char *x_name, FILE *out)
{
    tfx_point *points = NULL;
    char *last_arm = NULL;
    size_t n = 0, cap = 0;
    int series = -1;
    while (sqlite3_step(q) == SQLITE_ROW) {
        const char *arm = (const char *)sqlite3_column_text(q, 0);
        if (!last_arm || strcmp(arm, last_arm) != 0) {
            free(last_arm);
            last_arm = tfx_strdup(arm);
            series++;
            fprintf(out, "%s%c = %s", series ? ", " : "\n", tfx_plot_letter(series), arm);
        }
        tfx_point *p = TFX_APPEND(points, n, cap);
        p->x = sqlite3_column_double(q, 5);
        p->y = sqlite3_column_type(q, 6) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(q, 6);
        p->series = series;
    }
    if (n) {
        fputs("\n\n", out);
        tfx_plot(points, n, x_name, out);
    }
    free(last_arm);
    free(points);
}

tfx_status tfx_report_curve(tfx_store *s, tfx_id experiment, const char *x, int including, tfx_format format,
                            FILE *out, tfx_error *err)
{
    const struct axis *axis = find_axis(x, err);
    if (!axis)
        return err->status;
    char *column = tfx_printf("%s_%s", axis->name, including ? "incl" : "excl");
    char *title = tfx_printf("%s %s", strcmp(axis->name, "flops") ? axis->name : "FLOPs", including ? "incl" : "excl");
    char *sql = tfx_printf("SELECT arm, seed, run, stage, model, %s, val_loss, bits_per_byte "
                           "FROM scaling_curve WHERE experiment_id = ? "
                           "ORDER BY (SELECT arm FROM run WHERE id = run), arm, seed, step, stage",
                           column);
    sqlite3_stmt *q = report_prepare_id(s, sql, experiment, err);
    if (q) {
        const tfx_column columns[] = {
            {"arm", TFX_CELL_PLAIN},   {"seed", TFX_CELL_PLAIN}, {"run", TFX_CELL_PLAIN},
            {"stage", TFX_CELL_PLAIN}, {"model", TFX_CELL_PLAIN}, {title, axis->cell},
            {"val loss", TFX_CELL_LOSS}, {"bits/byte", TFX_CELL_LOSS},
        };
        size_t n = 0;
        tfx_table_print(q, columns, format, out, &n, err);
        sqlite3_reset(q);
        if (format == TFX_FORMAT_TEXT && n && err->status == TFX_OK)
            draw(q, title, out);
        sqlite3_finalize(q);
    }
    free(sql);
    free(title);
    free(column);
    return err->status;
}
