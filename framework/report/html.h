/* HTML: what the sections of a report have in common. Everything that comes from a database goes through
 * tfx_html_text, or is a number. */
#ifndef TFX_REPORT_HTML_H
#define TFX_REPORT_HTML_H

#include <stdio.h>

#include "framework/report/contrasts.h"
#include "framework/report/loss_curves.h"
#include "framework/report/scale.h"
#include "framework/report/table.h"
#include "framework/store/queries_report.h"

/* What a section is made from. */
typedef struct tfx_page {
    tfx_store *store;
    tfx_id experiment;
    tfx_loss_curves curves;
    tfx_outcomes outcomes;
    tfx_contrasts contrasts;
    FILE *out;
} tfx_page;

/* Text with what HTML would take for its own written as entities; control characters are left out. */
void tfx_html_text(FILE *out, const char *text);
void tfx_html_text_n(FILE *out, const char *text, size_t n); /* its first n bytes */
/* A JSON string that also a <script> can hold. */
void tfx_html_json_string(FILE *out, const char *text);
/* As short as reading it back to the same number allows; "null" where it is not finite. */
void tfx_html_json_number(FILE *out, double x);

/* Classes of what shows an arm by its group: "a9", and "square" where all colours were used up before. */
#define TFX_HTML_CLASSES 48
const char *tfx_html_classes(char buf[TFX_HTML_CLASSES], size_t group);
/* The name of an arm, with its colour. */
void tfx_html_arm(const tfx_page *p, const char *arm);

/* "<section id=ID><h2>TITLE</h2>", to be ended by "</section>". */
void tfx_html_section(const tfx_page *p, const char *id, const char *title);
/* The statement that a figure or table was made by, folded up. */
void tfx_html_sql(const tfx_page *p, tfx_report_query which);

/* All rows as a table that scrolls in its own box. `columns` has one element per column; one without a title is left out. Returns how
 * many rows. */
size_t tfx_html_table(const tfx_page *p, tfx_rows *q, const tfx_column *columns, tfx_error *err);
/* The same, with the cells of a row below each other where the window is narrow. */
size_t tfx_html_stacking_table(const tfx_page *p, tfx_rows *q, const tfx_column *columns, tfx_error *err);

/* ---- a plot: lines in a picture that stretches, words in HTML that does not ---- */

typedef struct tfx_html_plot {
    tfx_scale x, y;
    tfx_tick_kind x_kind, y_kind;
    const char *x_label, *y_label; /* HTML */
    const char *classes;           /* of the plot, beside "plot" */
    const char *label;             /* for those who cannot see it */
    int x_column;                  /* of the points of the page's data; -1: nothing to hover over */
} tfx_html_plot;
/* Opens the picture, with its grid; what is drawn in between are paths of coordinates from 0 to TFX_PLOT_SIZE. */
#define TFX_PLOT_SIZE 1000.0
void tfx_html_plot_begin(const tfx_page *p, const tfx_html_plot *plot);
void tfx_html_plot_end(const tfx_page *p, const tfx_html_plot *plot);
/* Where a value lies in the picture. */
double tfx_html_plot_x(const tfx_html_plot *plot, double value);
double tfx_html_plot_y(const tfx_html_plot *plot, double value);

/* What an axis of that cost says (HTML), and its labels. */
const char *tfx_html_cost_label(tfx_cost_kind cost);
tfx_tick_kind tfx_html_cost_ticks(tfx_cost_kind cost);

/* ---- sections; each prints nothing when there is nothing to show ---- */

tfx_status tfx_html_headline(const tfx_page *p, tfx_error *err);
tfx_status tfx_html_claims(const tfx_page *p, tfx_error *err);
tfx_status tfx_html_curves(const tfx_page *p, tfx_error *err);
tfx_status tfx_html_endpoints(const tfx_page *p, tfx_error *err);
tfx_status tfx_html_sweep(const tfx_page *p, tfx_error *err);
tfx_status tfx_html_comparison(const tfx_page *p, tfx_error *err);
tfx_status tfx_html_gain(const tfx_page *p, tfx_error *err);
tfx_status tfx_html_fits(const tfx_page *p, tfx_error *err);
tfx_status tfx_html_forecasts(const tfx_page *p, tfx_error *err);
tfx_status tfx_html_outcomes(const tfx_page *p, tfx_error *err);
tfx_status tfx_html_growth(const tfx_page *p, tfx_error *err);
tfx_status tfx_html_slices(const tfx_page *p, tfx_error *err);
tfx_status tfx_html_notes(const tfx_page *p, tfx_error *err);
tfx_status tfx_html_lineage(const tfx_page *p, tfx_error *err);
tfx_status tfx_html_provenance(const tfx_page *p, tfx_error *err);

#endif
