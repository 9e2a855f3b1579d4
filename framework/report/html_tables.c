/* Tables of a report: outcomes of arms and runs, growth events, and what the numbers come from. */
#include <stdlib.h>

#include "framework/report/html.h"
#include "framework/report/run_table.h"

static tfx_rows *ask(const tfx_page *p, tfx_report_query which, tfx_error *err)
{
    return tfx_query_report(p->store, which, p->experiment, err);
}

tfx_status tfx_html_outcomes(const tfx_page *p, tfx_error *err)
{
    static const tfx_column runs[] = {
        {"run", TFX_CELL_PLAIN},        {"arm", TFX_CELL_ARM},          {"seed", TFX_CELL_PLAIN},
        {"status", TFX_CELL_PLAIN},     {"model", TFX_CELL_PLAIN},      {"parameters", TFX_CELL_COUNT},
        {"stages", TFX_CELL_PLAIN},     {"steps", TFX_CELL_PLAIN},      {"tokens", TFX_CELL_COUNT},
        {"FLOPs incl", TFX_CELL_FLOPS}, {"FLOPs excl", TFX_CELL_FLOPS}, {"val loss", TFX_CELL_LOSS},
        {"bits/byte", TFX_CELL_LOSS},   {"time", TFX_CELL_SECONDS},     {"detail", TFX_CELL_PLAIN},
        {"tags", TFX_CELL_PLAIN},
    };
    tfx_html_section(p, "outcomes", "Outcomes");
    tfx_rows *q = ask(p, TFX_REPORT_OUTCOMES, err);
    tfx_html_stacking_table(p, q, tfx_arms_columns, err);
    tfx_rows_close(q);
    fputs("<p class=\"caption\">Means over the runs that are done; ± is the standard deviation over the seeds. Sizes "
          "are parameters. "
          "Including (incl): all that was spent along the "
          "lineage; "
          "excluding (excl): in the last stage alone. Tokens and time include ancestors; evaluations are in none of "
          "them.</p>\n",
          p->out);
    tfx_html_sql(p, TFX_REPORT_OUTCOMES);
    fputs("<details><summary>Every run</summary>\n", p->out);
    q = ask(p, TFX_REPORT_RUNS, err);
    tfx_html_table(p, q, runs, err);
    tfx_rows_close(q);
    tfx_html_sql(p, TFX_REPORT_RUNS);
    fputs("</details></section>\n", p->out);
    return err->status;
}

tfx_status tfx_html_growth(const tfx_page *p, tfx_error *err)
{
    static const tfx_column columns[] = {
        {"arm", TFX_CELL_ARM},
        {"seed", TFX_CELL_PLAIN},
        {"run", TFX_CELL_PLAIN},
        {"after step", TFX_CELL_PLAIN},
        {"parameters", TFX_CELL_COUNT},
        {"then", TFX_CELL_COUNT},
        {"keeps function", TFX_CELL_PLAIN},
        {"probe: Δ loss", TFX_CELL_SMALL},
        {"max |Δ logit|", TFX_CELL_SMALL},
        {"from", TFX_CELL_PLAIN},
        {"to", TFX_CELL_PLAIN},
        {"policy", TFX_CELL_PLAIN},
        {"reason", TFX_CELL_PLAIN},
    };
    tfx_rows *q = ask(p, TFX_REPORT_GROWTH, err);
    if (tfx_rows_next(q, err)) {
        tfx_rows_rewind(q);
        tfx_html_section(p, "growth", "Growth events");
        tfx_html_table(p, q, columns, err);
        fputs("<p class=\"caption\">The probe is one fixed batch, evaluated before and after. 1: an argument says that "
              "the "
              "function is kept; 0: none was found.</p>\n",
              p->out);
        tfx_html_sql(p, TFX_REPORT_GROWTH);
        fputs("</section>\n", p->out);
    }
    tfx_rows_close(q);
    return err->status;
}

tfx_status tfx_html_notes(const tfx_page *p, tfx_error *err)
{
    static const tfx_column columns[] = {
        {"written", TFX_CELL_PLAIN}, {"of run", TFX_CELL_PLAIN}, {"arm", TFX_CELL_ARM},
        {"seed", TFX_CELL_PLAIN},    {"note", TFX_CELL_PLAIN},
    };
    tfx_rows *q = ask(p, TFX_REPORT_NOTES, err);
    if (tfx_rows_next(q, err)) {
        tfx_rows_rewind(q);
        tfx_html_section(p, "notes", "Notes");
        tfx_html_table(p, q, columns, err);
        tfx_html_sql(p, TFX_REPORT_NOTES);
        fputs("</section>\n", p->out);
    }
    tfx_rows_close(q);
    return err->status;
}

static void print_spec(const tfx_page *p, tfx_error *err)
{
    tfx_rows *q = ask(p, TFX_REPORT_EXPERIMENT, err);
    if (tfx_rows_next(q, err)) {
        fputs("<details id=\"spec\"><summary>Spec, resolved</summary><p class=\"caption\">", p->out);
        tfx_html_text(p->out, tfx_rows_as_text(q, 2));
        if (!tfx_rows_is_null(q, 3)) {
            fputs(", profile ", p->out);
            tfx_html_text(p->out, tfx_rows_text(q, 3, err));
        }
        fputs("; XXH3-128 <code>", p->out);
        tfx_html_text(p->out, tfx_rows_text(q, 5, err));
        fputs("</code></p><pre><code>", p->out);
        tfx_html_text(p->out, tfx_rows_text(q, 6, err));
        fputs("</code></pre>", p->out);
        tfx_html_sql(p, TFX_REPORT_EXPERIMENT);
        fputs("</details>\n", p->out);
    }
    tfx_rows_close(q);
}

tfx_status tfx_html_provenance(const tfx_page *p, tfx_error *err)
{
    static const tfx_column environments[] = {
        {"tfx", TFX_CELL_PLAIN},       {"ABI", TFX_CELL_PLAIN},    {"commit", TFX_CELL_PLAIN},
        {"host", TFX_CELL_PLAIN},      {"OS", TFX_CELL_PLAIN},     {"CPU", TFX_CELL_PLAIN},
        {"cores", TFX_CELL_PLAIN},     {"memory", TFX_CELL_BYTES}, {"backend", TFX_CELL_PLAIN},
        {"libraries", TFX_CELL_PLAIN}, {"runs", TFX_CELL_PLAIN},
    };
    static const tfx_column plugins[] = {
        {"plugin", TFX_CELL_PLAIN},         {"version", TFX_CELL_PLAIN}, {"ABI", TFX_CELL_PLAIN},
        {"file, XXH3-128", TFX_CELL_PLAIN}, {"runs", TFX_CELL_PLAIN},
    };
    tfx_html_section(p, "provenance", "Where the numbers come from");
    print_spec(p, err);
    fputs("<details><summary>Environment</summary>\n", p->out);
    tfx_rows *q = ask(p, TFX_REPORT_ENVIRONMENTS, err);
    tfx_html_table(p, q, environments, err);
    tfx_rows_close(q);
    tfx_html_sql(p, TFX_REPORT_ENVIRONMENTS);
    fputs("</details>\n<details><summary>Plugins</summary>\n", p->out);
    q = ask(p, TFX_REPORT_PLUGINS, err);
    tfx_html_table(p, q, plugins, err);
    tfx_rows_close(q);
    tfx_html_sql(p, TFX_REPORT_PLUGINS);
    fputs("</details></section>\n", p->out);
    return err->status;
}
