/* Curves: see framework/report/cost_curve.h. */
#include "framework/report/cost_curve.h"

#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/base/text.h"
#include "framework/report/plot.h"
#include "framework/store/queries.h"

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
static void draw(tfx_rows *q, const char *x_name, FILE *out, tfx_error *err)
{
    tfx_point *points = NULL;
    char *last_arm = NULL;
    size_t n = 0, cap = 0;
    int series = -1;
    while (tfx_rows_next(q, err)) {
        const char *arm = tfx_rows_text(q, 0, err);
        if (!last_arm || strcmp(arm, last_arm) != 0) {
            free(last_arm);
            last_arm = tfx_strdup(arm);
            series++;
            fprintf(out, "%s%c = %s", series ? ", " : "\n", tfx_plot_letter(series), arm);
        }
        tfx_point *p = TFX_APPEND(points, n, cap);
        p->x = tfx_rows_real(q, 5, err);
        p->y = tfx_rows_real(q, 6, err);
        p->series = series;
    }
    if (n && err->status == TFX_OK) {
        fputs("\n\n", out);
        tfx_plot(points, n, x_name, out);
    }
    free(last_arm);
    free(points);
}

tfx_status tfx_report_curve(tfx_store *s, tfx_id experiment, const char *x, int including, tfx_format format, FILE *out,
                            tfx_error *err)
{
    const struct axis *axis = find_axis(x, err);
    if (!axis)
        return err->status;
    char *column = tfx_printf("%s_%s", axis->name, including ? "incl" : "excl");
    char *title = tfx_printf("%s %s", strcmp(axis->name, "flops") ? axis->name : "FLOPs", including ? "incl" : "excl");
    tfx_rows *q = tfx_query_curve(s, experiment, column, err);
    if (q) {
        const tfx_column columns[] = {
            {"arm", TFX_CELL_PLAIN},     {"seed", TFX_CELL_PLAIN},     {"run", TFX_CELL_PLAIN},
            {"stage", TFX_CELL_PLAIN},   {"model", TFX_CELL_PLAIN},    {title, axis->cell},
            {"val loss", TFX_CELL_LOSS}, {"bits/byte", TFX_CELL_LOSS},
        };
        if (tfx_table_print(q, columns, format, out, err) == TFX_OK && format == TFX_FORMAT_TEXT) {
            tfx_rows_rewind(q);
            draw(q, title, out, err);
        }
        tfx_rows_close(q);
    }
    free(title);
    free(column);
    return err->status;
}
