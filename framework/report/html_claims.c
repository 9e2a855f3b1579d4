/* Claims about the experiment: the sentence, its verdict, why, and each lint that failed. */
#include <string.h>

#include "framework/report/html.h"

/* Each line of a text in a tag of its own. */
static void print_lines(const tfx_page *p, const char *text, const char *begin, const char *end)
{
    while (*text) {
        int n = (int)strcspn(text, "\n");
        fputs(begin, p->out);
        tfx_html_text_n(p->out, text, (size_t)n);
        fputs(end, p->out);
        text += n + (text[n] == '\n');
    }
}

tfx_status tfx_html_claims(const tfx_page *p, tfx_error *err)
{
    size_t n = 0;
    tfx_rows *q = tfx_query_report(p->store, TFX_REPORT_CLAIMS, p->experiment, err);
    while (tfx_rows_next(q, err)) {
        if (!n++)
            tfx_html_section(p, "claims", "Claims");
        const char *verdict = tfx_rows_text(q, 1, err);
        fprintf(p->out, "<div class=\"claim\"><p><span class=\"verdict %s\">",
                !strcmp(verdict, "supported") ? "supported" : "");
        tfx_html_text(p->out, verdict);
        fputs("</span> ", p->out);
        tfx_html_text(p->out, tfx_rows_text(q, 0, err));
        fputs("</p>\n", p->out);
        print_lines(p, tfx_rows_as_text(q, 3), "<p class=\"note\">", "</p>\n");
        fputs("<ul>\n", p->out);
        print_lines(p, tfx_rows_as_text(q, 4), "<li>", "</li>\n");
        fputs("</ul></div>\n", p->out);
    }
    if (n) {
        fputs("<p class=\"caption\">Decided by <code>tfx claim</code> when they were made. A claim is refused where a "
              "lint "
              "fails: the comparison would not be a fair one.</p>\n",
              p->out);
        tfx_html_sql(p, TFX_REPORT_CLAIMS);
        fputs("</section>\n", p->out);
    }
    tfx_rows_close(q);
    return err->status;
}
