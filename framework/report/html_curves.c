/* Loss against cost: one picture for each cost, including and excluding ancestors; switches show one of them. Seeds are
 * faint, an arm's mean is strong, and where a stage begins with growth there is a ring. */
#include <math.h>

#include "framework/base/text.h"
#include "framework/report/html.h"

static const struct cost {
    const char *label; /* of the axis */
    tfx_tick_kind ticks;
} costs[TFX_N_COSTS] = {
    [TFX_COST_FLOPS] = {"training FLOPs", TFX_TICK_POWER},
    [TFX_COST_TOKENS] = {"training tokens", TFX_TICK_COUNT},
    [TFX_COST_SECONDS] = {"training time", TFX_TICK_SECONDS},
};

const char *tfx_html_cost_label(tfx_cost_kind cost)
{
    return costs[cost].label;
}

tfx_tick_kind tfx_html_cost_ticks(tfx_cost_kind cost)
{
    return costs[cost].ticks;
}

/* ---- what the axes span ---- */

static void widen(const tfx_loss_curve *c, tfx_cost_kind cost, tfx_side side, double x[2], double y[2])
{
    for (size_t i = 0; i < c->n; i++) {
        double at = c->points[i].cost[cost][side], loss = c->points[i].loss;
        if (!(at > 0) || !(loss > 0)) /* logarithmic axes have no place for them */
            continue;
        tfx_range_widen(x, at);
        tfx_range_widen(y, loss);
    }
}

static int span(const tfx_loss_curves *all, tfx_cost_kind cost, tfx_side side, tfx_html_plot *plot)
{
    double x[2] = {INFINITY, 0}, y[2] = {INFINITY, 0};
    for (size_t a = 0; a < all->n_arms; a++)
        for (size_t r = 0; r < all->arms[a].n_runs; r++)
            widen(&all->arms[a].runs[r], cost, side, x, y);
    if (x[1] == 0)
        return 0;
    plot->x = tfx_scale_log(x[0], x[1], 0.02);
    plot->y = tfx_scale_log(y[0], y[1], 0.04);
    return 1;
}

/* ---- lines ---- */

/* A curve of one evaluation is no line. */
static int is_dot(const tfx_loss_curve *c, tfx_cost_kind cost, tfx_side side)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        n += c->points[i].cost[cost][side] > 0 && c->points[i].loss > 0;
    return n == 1;
}

static void draw_line(const tfx_page *p, const tfx_html_plot *plot, tfx_cost_kind cost, tfx_side side,
                      const tfx_loss_curve *c)
{
    int64_t stage = -1;
    fputs("d=\"", p->out);
    for (size_t i = 0; i < c->n; i++) {
        const tfx_loss_point *at = &c->points[i];
        if (!(at->cost[cost][side] > 0) || !(at->loss > 0))
            continue;
        /* Without ancestors, each stage begins at no cost: a line of its own. */
        int begins = stage < 0 || (side == TFX_SIDE_EXCL && at->stage != stage);
        fprintf(p->out, "%s%.1f %.1f", begins ? "M" : "L", tfx_html_plot_x(plot, at->cost[cost][side]),
                tfx_html_plot_y(plot, at->loss));
        stage = at->stage;
    }
    fputs(is_dot(c, cost, side) ? "h0\"" : "\"", p->out);
}

/* A dot that no stretching makes an ellipse: a line without length, with round ends. */
static void draw_growth(const tfx_page *p, const tfx_html_plot *plot, tfx_cost_kind cost, tfx_side side,
                        const tfx_loss_curve *c, const char *arm)
{
    for (size_t i = 0; i < c->n; i++) {
        const tfx_loss_point *at = &c->points[i];
        if (at->stage == (i ? c->points[i - 1].stage : 0) || !(at->cost[cost][side] > 0) || !(at->loss > 0))
            continue;
        double x = tfx_html_plot_x(plot, at->cost[cost][side]), y = tfx_html_plot_y(plot, at->loss);
        char parameters[32];
        fprintf(
            p->out,
            "<g class=\"growth\"><path class=\"ring\" d=\"M%.1f %.1fh0\"/><path class=\"hole\" d=\"M%.1f %.1fh0\"/>", x,
            y, x, y);
        fputs("<title>", p->out);
        tfx_html_text(p->out, arm);
        fprintf(p->out, " grows to %s parameters after step %lld</title></g>\n",
                tfx_format_count(parameters, (double)at->parameters), (long long)at->step);
    }
}

static const char *class_of(const tfx_loss_curve *c, tfx_cost_kind cost, tfx_side side, int is_main)
{
    return is_dot(c, cost, side) ? "dot early" : is_main ? "mean" : "seed";
}

static void draw_arm(const tfx_page *p, const tfx_html_plot *plot, tfx_cost_kind cost, tfx_side side, size_t a)
{
    const tfx_arm_curves *arm = &p->curves.arms[a];
    const tfx_loss_curve *main = tfx_arm_main_curve(arm);
    if (!main)
        return;
    fprintf(p->out, "<g class=\"arm a%zu\">\n", arm->group);
    for (size_t r = 0; r < arm->n_runs; r++) {
        int is_main = &arm->runs[r] == main;
        fprintf(p->out, "<path class=\"%s\" data-run=\"%lld\" ", class_of(&arm->runs[r], cost, side, is_main),
                (long long)arm->runs[r].run);
        draw_line(p, plot, cost, side, &arm->runs[r]);
        fputs("><title>", p->out);
        tfx_html_text(p->out, arm->arm);
        fprintf(p->out, ", seed %lld</title></path>\n", (long long)arm->runs[r].seed);
    }
    if (arm->mean.n) {
        fprintf(p->out, "<path class=\"%s\" ", class_of(main, cost, side, 1));
        draw_line(p, plot, cost, side, main);
        fputs("><title>", p->out);
        tfx_html_text(p->out, arm->arm);
        fprintf(p->out, ", mean of %zu seeds</title></path>\n", arm->n_mean);
    }
    draw_growth(p, plot, cost, side, main, arm->arm);
    fputs("</g>\n", p->out);
}

static void draw(const tfx_page *p, tfx_cost_kind cost, tfx_side side)
{
    char classes[64], x_label[96];
    snprintf(classes, sizeof(classes), "tall switched cost-%s side-%s", tfx_cost_names[cost], tfx_side_names[side]);
    snprintf(x_label, sizeof(x_label), "%s, %s", costs[cost].label,
             side == TFX_SIDE_INCL ? "including ancestors" : "of the current stage alone");
    tfx_html_plot plot = {.x_kind = costs[cost].ticks,
                          .x_label = x_label,
                          .y_label = "val loss",
                          .classes = classes,
                          .label = "val loss against cost, one line for each arm; the tables below have the numbers",
                          .x_column = 2 + (int)cost * TFX_SIDES + (int)side};
    if (!span(&p->curves, cost, side, &plot))
        return;
    tfx_html_plot_begin(p, &plot);
    for (size_t a = 0; a < p->curves.n_arms; a++)
        draw_arm(p, &plot, cost, side, a);
    tfx_html_plot_end(p, &plot);
}

/* ---- data and words ---- */

static void print_points(FILE *out, const tfx_loss_curve *c)
{
    fputc('[', out);
    for (size_t i = 0; i < c->n; i++) {
        const tfx_loss_point *at = &c->points[i];
        fprintf(out, "%s[%lld,%lld", i ? "," : "", (long long)at->stage, (long long)at->step);
        for (int k = 0; k < TFX_N_COSTS * TFX_SIDES; k++) {
            fputc(',', out);
            tfx_html_json_number(out, at->cost[k / TFX_SIDES][k % TFX_SIDES]);
        }
        fputc(',', out);
        tfx_html_json_number(out, at->loss);
        fputc(']', out);
    }
    fputc(']', out);
}

/* The numbers behind the lines, for hovering and for whoever wants to take them out of the page. */
static void print_data(const tfx_page *p)
{
    FILE *out = p->out;
    fprintf(out,
            "<script type=\"application/json\" id=\"tfx-data\">{\"experiment\":%lld,\"columns\":[\"stage\",\"step\"",
            (long long)p->experiment);
    for (int k = 0; k < TFX_N_COSTS * TFX_SIDES; k++)
        fprintf(out, ",\"%s_%s\"", tfx_cost_names[k / TFX_SIDES], tfx_side_names[k % TFX_SIDES]);
    fprintf(out, ",\"val_loss\"],\"evaluations\":%zu,\"kept\":%zu,\"arms\":[", p->curves.n_evaluations,
            p->curves.n_kept);
    for (size_t a = 0; a < p->curves.n_arms; a++) {
        const tfx_arm_curves *arm = &p->curves.arms[a];
        fprintf(out, "%s\n{\"group\":%zu,\"arm\":", a ? "," : "", arm->group);
        tfx_html_json_string(out, arm->arm);
        fputs(",\"runs\":[", out);
        for (size_t r = 0; r < arm->n_runs; r++) {
            fprintf(out, "%s{\"run\":%lld,\"seed\":%lld,\"points\":", r ? ",\n" : "", (long long)arm->runs[r].run,
                    (long long)arm->runs[r].seed);
            print_points(out, &arm->runs[r]);
            fputc('}', out);
        }
        fprintf(out, "],\"mean_of\":%zu,\"mean\":", arm->n_mean);
        print_points(out, &arm->mean);
        fputc('}', out);
    }
    fputs("]}</script>\n", out);
}

static int has_curve(const tfx_page *p, size_t group)
{
    for (size_t a = 0; a < p->curves.n_arms; a++)
        if (p->curves.arms[a].group == group && tfx_arm_main_curve(&p->curves.arms[a]))
            return 1;
    return 0;
}

static void print_legend(const tfx_page *p)
{
    char classes[TFX_HTML_CLASSES];
    fputs("<div class=\"legend\">", p->out);
    for (size_t g = 0; g < p->curves.n_groups; g++) {
        if (!has_curve(p, g))
            continue;
        fprintf(p->out,
                "<button type=\"button\" data-group=\"%zu\" aria-pressed=\"true\"><svg class=\"key %s\" "
                "viewBox=\"0 0 26 8\" aria-hidden=\"true\"><path class=\"mean\" d=\"M0 4H26\"/>"
                "<path class=\"dot early\" d=\"M13 4h0\"/></svg>",
                g, tfx_html_classes(classes, g));
        tfx_html_text(p->out, p->curves.groups[g]);
        fputs("</button>", p->out);
    }
    fputs("</div>\n", p->out);
}

static void print_caption(const tfx_page *p)
{
    int several = 0, grows = 0;
    for (size_t a = 0; a < p->curves.n_arms; a++) {
        const tfx_arm_curves *arm = &p->curves.arms[a];
        const tfx_loss_curve *c = tfx_arm_main_curve(arm);
        several |= arm->mean.n > 0;
        grows |= c && c->points[c->n - 1].stage > 0;
    }
    fputs("<p class=\"caption\">", p->out);
    if (several)
        fputs(
            "Strong lines are means over the seeds that have come half as far as the furthest, where all of these were "
            "evaluated; faint ones are the seeds. ",
            p->out);
    if (grows)
        fputs("A ring is a growth event. ", p->out);
    fputs("Both axes are logarithmic. Points inside a learning-rate schedule that has not ended make an arm look worse "
          "than a run of that length would be: compare <a href=\"#endpoints\">end points</a>. ",
          p->out);
    if (p->curves.n_kept < p->curves.n_evaluations)
        fprintf(p->out,
                "Thinned for drawing: of %zu evaluations %zu are shown, the lowest and the highest of each place among "
                "them. ",
                p->curves.n_evaluations, p->curves.n_kept);
    fputs("</p>\n", p->out);
}

tfx_status tfx_html_curves(const tfx_page *p, tfx_error *err)
{
    if (!p->curves.n_kept)
        return err->status;
    tfx_html_section(p, "curves", "Loss against cost");
    print_legend(p);
    fputs("<figure>\n", p->out);
    for (int k = 0; k < TFX_N_COSTS * TFX_SIDES; k++)
        draw(p, (tfx_cost_kind)(k / TFX_SIDES), (tfx_side)(k % TFX_SIDES));
    fputs("</figure>\n", p->out);
    print_caption(p);
    tfx_html_sql(p, TFX_REPORT_CURVES);
    print_data(p);
    fputs("</section>\n", p->out);
    return err->status;
}
