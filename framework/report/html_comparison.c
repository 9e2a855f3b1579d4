/* Comparison: every arm that grew against every one that did not, as `tfx compare` says it. */
#include <math.h>

#include "framework/base/memory.h"
#include "framework/report/compare_text.h"
#include "framework/report/html.h"

static void print_cell(const tfx_page *p, const char *label, char *text)
{
    fprintf(p->out, "<td class=\"words\" data-label=\"%s\">", label);
    tfx_html_text(p->out, text);
    fputs("</td>", p->out);
    free(text);
}

static void print_contrast(const tfx_page *p, const tfx_grown_contrast *g)
{
    fputs("<tr><td>", p->out);
    tfx_html_arm(p, g->grown->arm);
    fputs("</td><td data-label=\"against \">", p->out);
    tfx_html_arm(p, g->other->arm);
    fputs("</td>", p->out);
    if (g->why_not || !g->comparison.n) {
        fputs("<td class=\"words\" colspan=\"3\">not compared: ", p->out);
        tfx_html_text(p->out, g->why_not ? g->why_not : "no seed in common");
        fputs("</td>", p->out);
    } else {
        print_cell(p, "at equal FLOPs: ", tfx_contrast_text(&g->comparison, 0, TFX_CONTRAST_EQUAL_COST));
        print_cell(p, "at equal loss: ", tfx_contrast_text(&g->comparison, 0, TFX_CONTRAST_EQUAL_LOSS));
        print_cell(p, "seeds: ", tfx_contrast_text(&g->comparison, 0, TFX_CONTRAST_SEEDS));
    }
    fputs("</tr>\n", p->out);
}

tfx_status tfx_html_comparison(const tfx_page *p, tfx_error *err)
{
    if (!p->contrasts.n)
        return err->status;
    tfx_html_section(p, "comparison", "What growing saves");
    fputs("<div class=\"scroll stack\" tabindex=\"0\"><table><thead><tr><th>grown</th><th>against</th><th>at equal "
          "FLOPs</th>"
          "<th>at equal loss</th><th>seeds</th></tr></thead><tbody>\n",
          p->out);
    for (size_t i = 0; i < p->contrasts.n; i++)
        print_contrast(p, &p->contrasts.items[i]);
    fputs("</tbody></table></div>\n<p class=\"caption\">Decayed end points, by training FLOPs including ancestors, as "
          "<code>tfx compare</code> takes them. Losses of the other arm lie on straight lines in the logarithm of cost "
          "between its end points; nothing is extrapolated. In brackets: 95% by Student's t over the seeds.</p>\n",
          p->out);
    tfx_html_sql(p, TFX_REPORT_ENDS);
    fputs("</section>\n", p->out);
    return err->status;
}
