/* Gain: what each arm that has all its twins gains by growing, taken apart as `tfx gain` does. */
#include "framework/report/gain_text.h"
#include "framework/report/html.h"

static void print_gain(const tfx_page *p, const tfx_gain *gain)
{
    for (int k = 0; k < TFX_GAIN_PARTS; k++) {
        char text[TFX_GAIN_TEXT];
        fputs("<tr><td>", p->out);
        tfx_html_arm(p, gain->arms[0]);
        fprintf(p->out, "</td><td class=\"words\" data-label=\"part: \">%s</td>", tfx_gain_names[k]);
        fprintf(p->out, "<td class=\"words\" data-label=\"val loss: \">%s</td><td data-label=\"of \">",
                tfx_gain_difference(gain, k, text));
        tfx_html_arm(p, gain->parts[k].a);
        fputs(" - ", p->out);
        tfx_html_arm(p, gain->parts[k].b);
        fprintf(p->out, "</td><td class=\"words\" data-label=\"is \">%s</td></tr>\n", tfx_gain_meanings[k]);
    }
}

tfx_status tfx_html_gain(const tfx_page *p, tfx_error *err)
{
    int any = 0;
    tfx_text notes = {0};
    for (size_t g = 0; g < p->curves.n_groups && err->status == TFX_OK; g++) {
        tfx_gain gain;
        tfx_error none = {0}; /* an arm without twins, or whose twins are not done, has no such table */
        if (tfx_gain_make(&gain, p->store, p->experiment, p->curves.groups[g], &none) == TFX_OK) {
            if (!any++) {
                tfx_html_section(p, "gain", "What growing is made of");
                fputs("<div class=\"scroll stack\" tabindex=\"0\"><table><thead><tr><th>grown</th><th>part</th><th>val "
                      "loss</th><th>of</th><th>is</th></tr></thead><tbody>\n",
                      p->out);
            }
            print_gain(p, &gain);
            if (gain.notes.n)
                tfx_text_add(&notes, "%s: %s", gain.arms[0], gain.notes.s);
        } else if (none.status != TFX_E_INVALID)
            tfx_fail(err, none.status, "%s", none.text);
        tfx_gain_finish(&gain);
    }
    if (any) {
        fputs("</tbody></table></div>\n<p class=\"caption\">Differences of loss between an arm and its twins, all of "
              "equal FLOPs, ancestors included, as <code>tfx gain</code> has them: the first three add up to the last. "
              "Below 0 the first of the two is better. In brackets: 95% by Student's t over the seeds.</p>\n",
              p->out);
        if (notes.n) {
            fputs("<p class=\"caption\">", p->out);
            tfx_html_text(p->out, notes.s);
            fputs("</p>\n", p->out);
        }
        tfx_html_sql(p, TFX_REPORT_ENDS);
        fputs("</section>\n", p->out);
    }
    tfx_text_free(&notes);
    return err->status;
}
