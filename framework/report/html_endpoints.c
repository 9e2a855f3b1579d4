/* End points: where stages ended, against what that cost including and excluding ancestors. */
#include <math.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/report/html.h"

typedef struct endpoint {
    size_t arm;
    int64_t seed, stage, run, parameters;
    int final, decayed; /* decayed -1: not known */
    double cost[TFX_N_COSTS][TFX_SIDES], loss;
} endpoint;

/* Columns: TFX_REPORT_ENDPOINTS. Those that a logarithmic axis has a place for; the caller frees them. */
static endpoint *load(const tfx_page *p, size_t *n, tfx_error *err)
{
    endpoint *all = NULL;
    size_t cap = 0;
    *n = 0;
    tfx_rows *q = tfx_query_report(p->store, TFX_REPORT_ENDPOINTS, p->experiment, err);
    while (tfx_rows_next(q, err)) {
        endpoint e = {.arm = tfx_loss_curves_arm(&p->curves, tfx_rows_text(q, 0, err)),
                      .seed = tfx_rows_int(q, 1, INT64_MIN, err),
                      .run = tfx_rows_int(q, 2, 1, err),
                      .stage = tfx_rows_int(q, 3, 0, err),
                      .final = tfx_rows_int(q, 4, 0, err) != 0,
                      .parameters = tfx_rows_int(q, 5, 0, err),
                      .loss = tfx_rows_real(q, 12, err),
                      .decayed = tfx_rows_is_null(q, 14) ? -1 : tfx_rows_int(q, 14, 0, err) != 0};
        for (int k = 0; k < TFX_N_COSTS * TFX_SIDES; k++)
            e.cost[k / TFX_SIDES][k % TFX_SIDES] = tfx_rows_real(q, 6 + k, err);
        if (e.arm != TFX_NO_ARM && isfinite(e.loss) && e.loss > 0 && e.cost[TFX_COST_FLOPS][TFX_SIDE_EXCL] > 0)
            *TFX_APPEND(all, *n, cap) = e;
    }
    tfx_rows_close(q);
    return all;
}

static void draw_one(const tfx_page *p, const tfx_html_plot *plot, tfx_cost_kind cost, const endpoint *e)
{
    double incl = tfx_html_plot_x(plot, e->cost[cost][TFX_SIDE_INCL]);
    double excl = tfx_html_plot_x(plot, e->cost[cost][TFX_SIDE_EXCL]), y = tfx_html_plot_y(plot, e->loss);
    char parameters[32], flops[2][32], classes[TFX_HTML_CLASSES];
    fprintf(p->out, "<g class=\"arm %s%s\" data-run=\"%lld\">", tfx_html_classes(classes, p->curves.arms[e->arm].group),
            e->decayed == 0 ? " undecayed" : "", (long long)e->run);
    if (incl - excl > 1) /* less is not to be seen */
        fprintf(p->out,
                "<path class=\"seed\" d=\"M%.1f %.1fH%.1f\"/><path class=\"ring\" d=\"M%.1f %.1fh0\"/>"
                "<path class=\"hole\" d=\"M%.1f %.1fh0\"/>",
                excl, y, incl, excl, y, excl, y);
    fprintf(p->out, "<path class=\"%s\" d=\"M%.1f %.1fh0\"/><title>", e->final ? "dot" : "dot early", incl, y);
    tfx_html_text(p->out, p->curves.arms[e->arm].arm);
    fprintf(p->out,
            ", seed %lld, end of stage %lld (%s parameters): val loss %.4f; %s FLOPs including ancestors, %s excluding",
            (long long)e->seed, (long long)e->stage, tfx_format_count(parameters, (double)e->parameters), e->loss,
            tfx_cell_format(flops[0], TFX_CELL_FLOPS, e->cost[TFX_COST_FLOPS][TFX_SIDE_INCL]),
            tfx_cell_format(flops[1], TFX_CELL_FLOPS, e->cost[TFX_COST_FLOPS][TFX_SIDE_EXCL]));
    fprintf(p->out, "%s</title></g>\n", e->decayed == 0 ? "; the learning rate had not decayed" : "");
}

static void draw(const tfx_page *p, tfx_cost_kind cost, const endpoint *all, size_t n)
{
    char classes[64];
    double x[2] = {INFINITY, 0}, y[2] = {INFINITY, 0};
    for (size_t i = 0; i < n; i++) {
        for (int side = 0; side < TFX_SIDES; side++)
            tfx_range_widen(x, all[i].cost[cost][side]);
        tfx_range_widen(y, all[i].loss);
    }
    if (!(x[0] > 0)) /* no time was measured */
        return;
    snprintf(classes, sizeof(classes), "switched cost-%s", tfx_cost_names[cost]);
    tfx_html_plot plot = {.x = tfx_scale_cost(x[0], x[1], 0.06),
                          .y = tfx_scale_log(y[0], y[1], 0.08),
                          .x_kind = tfx_html_cost_ticks(cost),
                          .x_label = tfx_html_cost_label(cost),
                          .y_label = "val loss",
                          .classes = classes,
                          .label = "val loss at the end of each stage against cost",
                          .x_column = -1};
    tfx_html_plot_begin(p, &plot);
    for (size_t i = 0; i < n; i++)
        draw_one(p, &plot, cost, &all[i]);
    tfx_html_plot_end(p, &plot);
}

tfx_status tfx_html_endpoints(const tfx_page *p, tfx_error *err)
{
    size_t n, undecayed = 0, early = 0, grown = 0;
    endpoint *all = load(p, &n, err);
    for (size_t i = 0; i < n; i++) {
        undecayed += all[i].decayed == 0;
        early += !all[i].final;
        grown += all[i].cost[TFX_COST_FLOPS][TFX_SIDE_INCL] > all[i].cost[TFX_COST_FLOPS][TFX_SIDE_EXCL];
    }
    if (n && err->status == TFX_OK) {
        tfx_html_section(p, "endpoints", "End points");
        fputs("<figure>\n", p->out);
        for (int cost = 0; cost < TFX_N_COSTS; cost++)
            draw(p, (tfx_cost_kind)cost, all, n);
        fputs("</figure>\n<p class=\"caption\">One dot for each run", p->out);
        fputs(early ? ", smaller ones for stages before its last" : "", p->out);
        fputs(grown ? ". Dots count what ancestors spent, rings at the other end of a line do not" : "", p->out);
        if (undecayed)
            fprintf(p->out,
                    ". <b>%zu of %zu</b> are pale: the learning rate there was still above a tenth of its peak, "
                    "so that they are not the best that this cost buys",
                    undecayed, n);
        fputs(".</p>\n", p->out);
        tfx_html_sql(p, TFX_REPORT_ENDPOINTS);
        fputs("</section>\n", p->out);
    }
    free(all);
    return err->status;
}
