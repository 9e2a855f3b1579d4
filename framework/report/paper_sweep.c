/* The figure "sweep": where runs ended, against the number that was swept, such as the learning rate: a line through the
 * means of each arm that was swept, and a dot for every seed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/plugin/option_text.h"
#include "framework/report/paper_script.h"
#include "framework/store/queries_report.h"

typedef struct swept_end {
    char *text; /* of the value, as the spec has it */
    double value, loss;
    size_t arm; /* that was swept */
} swept_end;

typedef struct swept {
    char *key, **arms; /* what was swept, and of which arms */
    size_t n_arms, arms_cap;
    swept_end *ends;
    size_t n, cap;
} swept;

static void finish(swept *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->ends[i].text);
    for (size_t i = 0; i < s->n_arms; i++)
        free(s->arms[i]);
    free(s->ends);
    free(s->arms);
    free(s->key);
}

static size_t arm_number(swept *s, const char *name)
{
    for (size_t i = 0; i < s->n_arms; i++)
        if (!strcmp(s->arms[i], name))
            return i;
    *TFX_APPEND(s->arms, s->n_arms, s->arms_cap) = tfx_strdup(name);
    return s->n_arms - 1;
}

/* Values that are no numbers (models, say) have no place on an axis, and neither has a loss that diverged. */
static void load(const tfx_paper *p, swept *s, tfx_error *err)
{
    tfx_rows *q = tfx_query_report(p->store, TFX_REPORT_SWEPT, p->experiment, err);
    while (tfx_rows_next(q, err)) {
        const char *key = tfx_rows_text(q, 1, err), *text = tfx_rows_text(q, 2, err);
        double value, loss = tfx_rows_real(q, 5, err);
        if (tfx_option_read_real(text, &value) != 0 || !isfinite(loss) || loss <= 0)
            continue;
        if (!s->key)
            s->key = tfx_strdup(key);
        else if (strcmp(s->key, key) != 0) {
            tfx_fail(err, TFX_E_INVALID,
                     "figure 'sweep' shows losses against one number: the experiment sweeps %s and %s", s->key, key);
            break;
        }
        *TFX_APPEND(s->ends, s->n, s->cap) = (swept_end){tfx_strdup(text), value, loss,
                                                         arm_number(s, tfx_rows_text(q, 0, err))};
    }
    tfx_rows_close(q);
    if (err->status == TFX_OK && !s->n)
        tfx_fail(err, TFX_E_INVALID,
                 "figure 'sweep': no arm of the experiment that was swept over numbers has ended with an evaluation");
}

static int by_arm_and_value(const void *a, const void *b)
{
    const swept_end *x = a, *y = b;
    if (x->arm != y->arm)
        return x->arm < y->arm ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

/* Of the arm whose ends are [from, to): every seed, then their means. */
static void arm_data(tfx_paper *p, const swept *s, size_t from, size_t to)
{
    tfx_paper_data(p);
    for (size_t i = from; i < to; i++)
        fprintf(p->script, "%.17g %.17g\n", s->ends[i].value, s->ends[i].loss);
    tfx_paper_data_end(p);
    tfx_paper_data(p);
    for (size_t i = from, n; i < to; i += n) {
        double sum = 0;
        for (n = 0; i + n < to && s->ends[i + n].value == s->ends[i].value; n++)
            sum += s->ends[i + n].loss;
        fprintf(p->script, "%.17g %.17g\n", s->ends[i].value, sum / (double)n);
    }
    tfx_paper_data_end(p);
}

/* The name is that of the key; ticks are at the values themselves, as they were written. */
static void print_x_axis(tfx_paper *p, const swept *s)
{
    fputs("set xlabel ", p->script);
    tfx_gnuplot_string(p->script, s->key);
    fputs(" noenhanced\n", p->script);
    fputs("set xtics (", p->script);
    for (size_t i = 0; i < s->n; i++) {
        size_t first = 0;
        while (s->ends[first].value != s->ends[i].value)
            first++;
        if (first == i) {
            fputs(i ? ", " : "", p->script);
            tfx_gnuplot_string(p->script, s->ends[i].text);
            fprintf(p->script, " %.17g", s->ends[i].value);
        }
    }
    fputs(") offset 0,0.3\n", p->script);
}

static void draw(tfx_paper *p, swept *s)
{
    double x[2] = {INFINITY, -INFINITY}, y[2] = {INFINITY, 0};
    tfx_paper_key *keys = TFX_NEW_ARRAY(tfx_paper_key, s->n_arms);
    qsort(s->ends, s->n, sizeof(*s->ends), by_arm_and_value);
    for (size_t i = 0; i < s->n; i++) {
        tfx_paper_widen(x, s->ends[i].value);
        tfx_paper_widen(y, s->ends[i].loss);
    }
    for (size_t i = 0; i < s->n_arms; i++)
        keys[i] = (tfx_paper_key){s->arms[i], i, TFX_PAPER_MEAN};
    tfx_scale sx = x[0] > 0 ? tfx_scale_log(x[0], x[1], 0.06) : tfx_scale_linear(x[0], x[1], 0.06);
    tfx_scale sy = tfx_scale_log(y[0], y[1], 0.08);
    tfx_paper_begin(p, 1, keys, s->n_arms);
    tfx_paper_panel(p, 0);
    tfx_paper_axis(p, "x", &sx, TFX_TICK_NUMBER, "");
    tfx_paper_axis(p, "y", &sy, TFX_TICK_NUMBER, "validation loss");
    print_x_axis(p, s);
    size_t block = p->n_blocks;
    for (size_t from = 0, to; from < s->n; from = to) {
        for (to = from; to < s->n && s->ends[to].arm == s->ends[from].arm;)
            to++;
        arm_data(p, s, from, to);
    }
    for (size_t i = 0; i < s->n_arms; i++) {
        tfx_paper_line(p, block + 2 * i, i, TFX_PAPER_DOT);
        tfx_paper_line(p, block + 2 * i + 1, i, TFX_PAPER_MEAN);
    }
    tfx_paper_plot_end(p);
    free(keys);
}

tfx_status tfx_paper_sweep(tfx_paper *p, tfx_error *err)
{
    swept s = {0};
    load(p, &s, err);
    if (err->status == TFX_OK)
        draw(p, &s);
    finish(&s);
    return err->status;
}
