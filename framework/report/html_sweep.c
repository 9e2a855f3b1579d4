/* Sweep: where runs ended, against the number that was swept, such as the learning rate. */
#include <math.h>
#include <stdlib.h>

#include "framework/report/html.h"
#include "framework/report/swept.h"

static void draw_group(const tfx_page *p, const tfx_html_plot *plot, const tfx_swept *s, size_t from, size_t n)
{
    size_t group = s->ends[from].group;
    double mean;
    char classes[TFX_HTML_CLASSES];
    fprintf(p->out, "<g class=\"arm %s\"><path class=\"mean\" d=\"", tfx_html_classes(classes, group));
    for (size_t i = from, of; i < from + n; i += of) {
        of = tfx_swept_of_value(s, i, &mean);
        fprintf(p->out, "%s%.1f %.1f", i == from ? "M" : "L", tfx_html_plot_x(plot, s->ends[i].value),
                tfx_html_plot_y(plot, mean));
    }
    fputs("\"/>\n", p->out);
    for (size_t i = from; i < from + n; i++) {
        fprintf(p->out, "<g><path class=\"dot early\" d=\"M%.1f %.1fh0\"/><title>",
                tfx_html_plot_x(plot, s->ends[i].value), tfx_html_plot_y(plot, s->ends[i].loss));
        tfx_html_text(p->out, p->curves.groups[group]);
        fputs(", ", p->out);
        tfx_html_text(p->out, s->ends[i].text);
        fprintf(p->out, ", seed %lld: val loss %.4f</title></g>\n", (long long)s->ends[i].seed, s->ends[i].loss);
    }
    fputs("</g>\n", p->out);
}

/* As HTML; malloced. */
static char *key_label(const tfx_swept *s)
{
    char *label = NULL;
    size_t n;
    FILE *f = open_memstream(&label, &n);
    tfx_html_text(f, s->key);
    fclose(f);
    return label;
}

static void draw(const tfx_page *p, const tfx_swept *s)
{
    char *label = key_label(s);
    double x[2] = {INFINITY, -INFINITY}, y[2] = {INFINITY, 0};
    for (size_t i = 0; i < s->n; i++) {
        tfx_range_widen(x, s->ends[i].value);
        tfx_range_widen(y, s->ends[i].loss);
    }
    tfx_html_plot plot = {.x = x[0] > 0 ? tfx_scale_log(x[0], x[1], 0.06) : tfx_scale_linear(x[0], x[1], 0.06),
                          .y = tfx_scale_log(y[0], y[1], 0.08),
                          .x_label = label,
                          .y_label = "val loss",
                          .classes = "swept",
                          .label = "val loss at the end of runs against what was swept",
                          .x_column = -1};
    fputs("<figure>\n", p->out);
    tfx_html_plot_begin(p, &plot);
    for (size_t i = 0; i < s->n; i += tfx_swept_of_group(s, i))
        draw_group(p, &plot, s, i, tfx_swept_of_group(s, i));
    tfx_html_plot_end(p, &plot);
    fputs("</figure>\n<p class=\"caption\">Against <code>", p->out);
    tfx_html_text(p->out, s->key);
    fputs(
        "</code>: a line through the means of each arm, and a dot for every seed. Where the best value is the first or "
        "the last, a better one may lie beyond. <code>tfx best</code> has the numbers.</p>\n",
        p->out);
    free(label);
}

tfx_status tfx_html_sweep(const tfx_page *p, tfx_error *err)
{
    tfx_swept s;
    if (tfx_swept_load(&s, p->store, p->experiment, &p->curves, err) == TFX_OK && s.n && !s.other_key) {
        tfx_html_section(p, "sweep", "Sweep");
        draw(p, &s);
        tfx_html_sql(p, TFX_REPORT_SWEPT);
        fputs("</section>\n", p->out);
    }
    tfx_swept_finish(&s);
    return err->status;
}
