/* HTML: see framework/report/html.h. */
#include "framework/report/html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/json.h"
#include "framework/report/palette.h"

void tfx_html_text_n(FILE *out, const char *text, size_t n)
{
    for (const char *c = text; c < text + n; c++) {
        switch (*c) {
        case '&': fputs("&amp;", out); break;
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '"': fputs("&quot;", out); break;
        case '\'': fputs("&#39;", out); break;
        default:
            if ((unsigned char)*c >= 0x20 || *c == '\n' || *c == '\t')
                fputc(*c, out);
        }
    }
}

void tfx_html_text(FILE *out, const char *text)
{
    tfx_html_text_n(out, text, strlen(text));
}

/* "<" is written as a number: "</script>" and "<!--" end or change a script wherever they stand. */
void tfx_html_json_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == '"' || *c == '\\' || *c == '<' || *c == '>' || *c == '&')
            fprintf(out, "\\u%04x", (unsigned char)*c);
        else
            fputc(*c, out);
    fputc('"', out);
}

void tfx_html_json_number(FILE *out, double x)
{
    char buf[32];
    fputs(isfinite(x) ? tfx_real_exact(buf, x) : "null", out);
}

const char *tfx_html_classes(char buf[TFX_HTML_CLASSES], size_t group)
{
    snprintf(buf, TFX_HTML_CLASSES, "a%zu%s", group, tfx_palette(group).round % 2 ? " square" : "");
    return buf;
}

void tfx_html_arm(const tfx_page *p, const char *arm)
{
    char classes[TFX_HTML_CLASSES];
    size_t a = tfx_loss_curves_arm(&p->curves, arm);
    if (a != TFX_NO_ARM)
        fprintf(p->out, "<b class=\"named %s\">", tfx_html_classes(classes, p->curves.arms[a].group));
    else
        fputs("<b>", p->out);
    tfx_html_text(p->out, arm);
    fputs("</b>", p->out);
}

void tfx_html_section(const tfx_page *p, const char *id, const char *title)
{
    fprintf(p->out, "<section id=\"%s\"><h2>%s</h2>\n", id, title);
}

void tfx_html_sql(const tfx_page *p, tfx_report_query which)
{
    char *sql = tfx_report_sql(which, p->experiment);
    fputs("<details class=\"sql\"><summary>SQL</summary><pre><code>", p->out);
    tfx_html_text(p->out, sql);
    fputs("</code></pre></details>\n", p->out);
    free(sql);
}

/* ---- tables ---- */

static void print_cell(const tfx_page *p, tfx_rows *q, int i, const tfx_column *column, int stacks)
{
    tfx_value_type type = tfx_rows_type(q, i);
    int is_number = type == TFX_VALUE_INTEGER || type == TFX_VALUE_REAL || type == TFX_VALUE_NULL;
    char *text = tfx_cell_text(q, i, column->cell);
    fputs(is_number ? "<td class=\"n\"" : column->cell == TFX_CELL_ARM ? "<td class=\"arm\"" : "<td", p->out);
    if (stacks && column->cell != TFX_CELL_ARM)
        fprintf(p->out, " data-label=\"%s: \"", column->title);
    fputc('>', p->out);
    if (type == TFX_VALUE_NULL)
        fputs("<span class=\"none\">–</span>", p->out);
    else if (column->cell == TFX_CELL_ARM)
        tfx_html_arm(p, text);
    else
        tfx_html_text(p->out, text);
    fputs("</td>", p->out);
    free(text);
}

static size_t print_table(const tfx_page *p, tfx_rows *q, const tfx_column *columns, int stacks, tfx_error *err)
{
    size_t n = 0;
    while (tfx_rows_next(q, err)) {
        int n_columns = tfx_rows_n_columns(q);
        if (!n++) {
            fprintf(p->out, "<div class=\"scroll%s\" tabindex=\"0\"><table><thead><tr>", stacks ? " stack" : "");
            for (int i = 0; i < n_columns; i++)
                if (columns[i].title)
                    fprintf(p->out, "<th%s>%s</th>",
                            columns[i].cell > TFX_CELL_ARM || tfx_rows_type(q, i) == TFX_VALUE_INTEGER ? " class=\"n\""
                                                                                                       : "",
                            columns[i].title);
            fputs("</tr></thead><tbody>\n", p->out);
        }
        fputs("<tr>", p->out);
        for (int i = 0; i < n_columns; i++)
            if (columns[i].title)
                print_cell(p, q, i, &columns[i], stacks);
        fputs("</tr>\n", p->out);
    }
    if (n)
        fputs("</tbody></table></div>\n", p->out);
    return n;
}

size_t tfx_html_table(const tfx_page *p, tfx_rows *q, const tfx_column *columns, tfx_error *err)
{
    return print_table(p, q, columns, 0, err);
}

size_t tfx_html_stacking_table(const tfx_page *p, tfx_rows *q, const tfx_column *columns, tfx_error *err)
{
    return print_table(p, q, columns, 1, err);
}

/* ---- plots ---- */

double tfx_html_plot_x(const tfx_html_plot *plot, double value)
{
    return TFX_PLOT_SIZE * tfx_scale_at(&plot->x, value);
}

double tfx_html_plot_y(const tfx_html_plot *plot, double value)
{
    return TFX_PLOT_SIZE * (1 - tfx_scale_at(&plot->y, value));
}

void tfx_html_plot_begin(const tfx_page *p, const tfx_html_plot *plot)
{
    tfx_tick ticks[TFX_MAX_TICKS];
    fprintf(p->out, "<div class=\"plot %s\"", plot->classes);
    if (plot->x_column >= 0)
        fprintf(p->out, " data-column=\"%d\" data-x=\"%.17g %.17g\" data-y=\"%.17g %.17g\"", plot->x_column,
                plot->x.low, plot->x.high, plot->y.low, plot->y.high);
    fprintf(p->out,
            "><div class=\"area\"><svg viewBox=\"0 0 %g %g\" preserveAspectRatio=\"none\" role=\"img\" "
            "aria-label=\"%s\">\n<path class=\"grid\" d=\"",
            TFX_PLOT_SIZE, TFX_PLOT_SIZE, plot->label);
    for (size_t i = 0, n = tfx_scale_ticks(&plot->x, plot->x_kind, ticks); i < n; i++)
        fprintf(p->out, "M%.1f 0V%g", TFX_PLOT_SIZE * ticks[i].at, TFX_PLOT_SIZE);
    for (size_t i = 0, n = tfx_scale_ticks(&plot->y, plot->y_kind, ticks); i < n; i++)
        fprintf(p->out, "M0 %.1fH%g", TFX_PLOT_SIZE * (1 - ticks[i].at), TFX_PLOT_SIZE);
    fputs("\"/>\n", p->out);
}

void tfx_html_plot_end(const tfx_page *p, const tfx_html_plot *plot)
{
    tfx_tick ticks[TFX_MAX_TICKS];
    fputs("</svg>", p->out);
    /* Where a picture is narrow, every second label has no room, and one at the very end would stand out of it. */
    for (size_t i = 0, n = tfx_scale_ticks(&plot->x, plot->x_kind, ticks); i < n; i++)
        fprintf(p->out, "<span class=\"x%s%s\" style=\"left:%.2f%%\">%s</span>", n > 4 && i % 2 ? " odd" : "",
                ticks[i].at > 0.95 ? " end" : "", 100 * ticks[i].at, ticks[i].label);
    for (size_t i = 0, n = tfx_scale_ticks(&plot->y, plot->y_kind, ticks); i < n; i++)
        fprintf(p->out, "<span class=\"y\" style=\"bottom:%.2f%%\">%s</span>", 100 * ticks[i].at, ticks[i].label);
    fprintf(p->out, "</div><span class=\"xname\">%s</span><span class=\"yname\">%s</span></div>\n", plot->x_label,
            plot->y_label);
}
