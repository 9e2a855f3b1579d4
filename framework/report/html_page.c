/* Page: see framework/report/html_page.h. */
#include "framework/report/html_page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "framework/checkpoint/files.h"
#include "framework/report/html.h"
#include "framework/report/palette.h"

/* report.css and report.js */
extern const char tfx_report_css[], tfx_report_js[];

/* Points that are drawn of all runs together. Each is in six pictures and once as numbers: this keeps a page below 3 MB. */
#define MAX_POINTS 12000

/* The colours of the arms: points of one sweep have one. Printed, and without a preference, on white. */
static void print_colours(const tfx_page *p)
{
    for (size_t a = 0; a < p->curves.n_groups; a++) {
        tfx_line_style style = tfx_palette(a);
        fprintf(p->out, ".a%zu{--c:%s}", a, style.light);
        if (*style.dashes)
            fprintf(p->out, ".a%zu path{stroke-dasharray:%s}", a, style.dashes);
    }
    fputs("\n@media screen and (prefers-color-scheme:dark){", p->out);
    for (size_t a = 0; a < p->curves.n_groups; a++)
        fprintf(p->out, ".a%zu{--c:%s}", a, tfx_palette(a).dark);
    fputs("}\n", p->out);
}

static void print_head(const tfx_page *p, const char *name)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
          p->out);
    tfx_html_text(p->out, name);
    fprintf(p->out, "</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n%s", tfx_report_css);
    print_colours(p);
    fputs("</style></head>\n<body><main>\n", p->out);
}

/* What switches the pictures: they come before all that they switch, so that style alone can do it. */
static void print_switches(const tfx_page *p)
{
    static const char *const costs[TFX_N_COSTS] = {"FLOPs", "Tokens", "Time"};
    static const char *const sides[TFX_SIDES] = {"Including ancestors", "Excluding"};
    for (int i = 0; i < TFX_N_COSTS; i++)
        fprintf(p->out, "<input type=\"radio\" class=\"switch\" name=\"cost\" id=\"cost-%s\"%s>\n", tfx_cost_names[i],
                i ? "" : " checked");
    for (int i = 0; i < TFX_SIDES; i++)
        fprintf(p->out, "<input type=\"radio\" class=\"switch\" name=\"side\" id=\"side-%s\"%s>\n", tfx_side_names[i],
                i ? "" : " checked");
    fputs("<div class=\"switches\"><span class=\"segments\">", p->out);
    for (int i = 0; i < TFX_N_COSTS; i++)
        fprintf(p->out, "<label for=\"cost-%s\">%s</label>", tfx_cost_names[i], costs[i]);
    fputs("</span><span class=\"segments\">", p->out);
    for (int i = 0; i < TFX_SIDES; i++)
        fprintf(p->out, "<label for=\"side-%s\">%s</label>", tfx_side_names[i], sides[i]);
    fputs("</span></div>\n", p->out);
}

static tfx_status print_title(const tfx_page *p, tfx_rows *q, tfx_error *err)
{
    fputs("<header><h1>", p->out);
    tfx_html_text(p->out, tfx_rows_text(q, 0, err));
    fputs("</h1>\n", p->out);
    if (!tfx_rows_is_null(q, 1)) {
        fputs("<p class=\"description\">", p->out);
        tfx_html_text(p->out, tfx_rows_text(q, 1, err));
        fputs("</p>\n", p->out);
    }
    fprintf(p->out, "<p class=\"note\">Experiment %lld, begun ", (long long)p->experiment);
    tfx_html_text(p->out, tfx_rows_text(q, 4, err));
    fputs("</p></header>\n", p->out);
    return err->status;
}

static tfx_status print_page(const tfx_page *p, tfx_error *err)
{
    tfx_rows *q = tfx_query_report(p->store, TFX_REPORT_EXPERIMENT, p->experiment, err);
    if (tfx_rows_next(q, err)) {
        print_head(p, tfx_rows_text(q, 0, err));
        print_title(p, q, err);
    }
    tfx_rows_close(q);
    tfx_html_headline(p, err);
    tfx_html_claims(p, err);
    if (p->curves.n_kept) {
        fputs("<div class=\"figures\">\n", p->out);
        print_switches(p);
        tfx_html_curves(p, err);
        tfx_html_endpoints(p, err);
        tfx_html_sweep(p, err);
        fputs("</div>\n", p->out);
    }
    tfx_html_comparison(p, err);
    tfx_html_gain(p, err);
    tfx_html_outcomes(p, err);
    tfx_html_fits(p, err);
    tfx_html_forecasts(p, err);
    tfx_html_growth(p, err);
    tfx_html_slices(p, err);
    tfx_html_lineage(p, err);
    tfx_html_notes(p, err);
    tfx_html_provenance(p, err);
    fprintf(p->out, "</main>\n<script>\n%s</script>\n</body></html>\n", tfx_report_js);
    return err->status;
}

tfx_status tfx_report_html(tfx_store *s, tfx_id experiment, const char *path, tfx_error *err)
{
    char *text = NULL;
    size_t n = 0;
    tfx_page page = {.store = s, .experiment = experiment, .out = open_memstream(&text, &n)};
    if (!page.out)
        return tfx_fail(err, TFX_E_MEMORY, "the report: %s", strerror(errno));
    /* Runs may be going on: all numbers of a page are of one moment. */
    if (tfx_store_begin_reading(s, err) == TFX_OK &&
        tfx_loss_curves_load(s, experiment, MAX_POINTS, &page.curves, err) == TFX_OK &&
        tfx_outcomes_load(s, experiment, &page.outcomes, err) == TFX_OK &&
        tfx_contrasts_load(s, experiment, &page.outcomes, &page.contrasts, err) == TFX_OK)
        print_page(&page, err);
    tfx_store_end_reading(s);
    if (fclose(page.out) != 0)
        tfx_fail(err, TFX_E_MEMORY, "the report: %s", strerror(errno));
    if (err->status == TFX_OK && !strcmp(path, "-"))
        fwrite(text, 1, n, stdout);
    else if (err->status == TFX_OK)
        tfx_write_file_atomic(path, text, n, err);
    tfx_contrasts_finish(&page.contrasts);
    tfx_outcomes_finish(&page.outcomes);
    tfx_loss_curves_finish(&page.curves);
    free(text);
    return err->status;
}
