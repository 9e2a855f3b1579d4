/* The figure "sweep": where runs ended, against the number that was swept: a line through the means of each arm that was
 * swept, and a dot for every seed. */
#include <math.h>
#include <stdlib.h>

#include "framework/base/memory.h"
#include "framework/report/paper_script.h"
#include "framework/report/swept.h"

/* Of the arm whose ends are [from, from + n): every seed, then their means. */
static void arm_data(tfx_paper *p, const tfx_swept *s, size_t from, size_t n)
{
    double mean;
    tfx_paper_data(p);
    for (size_t i = from; i < from + n; i++)
        fprintf(p->script, "%.17g %.17g\n", s->ends[i].value, s->ends[i].loss);
    tfx_paper_data_end(p);
    tfx_paper_data(p);
    for (size_t i = from, of; i < from + n; i += of) {
        of = tfx_swept_of_value(s, i, &mean);
        fprintf(p->script, "%.17g %.17g\n", s->ends[i].value, mean);
    }
    tfx_paper_data_end(p);
}

/* The name is that of the key; ticks are at the values themselves, as they were written. */
static void print_x_axis(tfx_paper *p, const tfx_swept *s)
{
    fputs("set xlabel ", p->script);
    tfx_gnuplot_string(p->script, s->key);
    fputs(" noenhanced\nset xtics (", p->script);
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

static void draw(tfx_paper *p, const tfx_swept *s)
{
    double x[2] = {INFINITY, -INFINITY}, y[2] = {INFINITY, 0};
    tfx_paper_key *keys = NULL;
    size_t n_keys = 0, cap = 0, block = p->n_blocks;
    for (size_t i = 0; i < s->n; i++) {
        tfx_range_widen(x, s->ends[i].value);
        tfx_range_widen(y, s->ends[i].loss);
    }
    for (size_t i = 0; i < s->n; i += tfx_swept_of_group(s, i))
        *TFX_APPEND(keys, n_keys, cap) = (tfx_paper_key){p->curves.groups[s->ends[i].group], s->ends[i].group,
                                                         TFX_PAPER_MEAN};
    tfx_scale sx = x[0] > 0 ? tfx_scale_log(x[0], x[1], 0.06) : tfx_scale_linear(x[0], x[1], 0.06);
    tfx_scale sy = tfx_scale_log(y[0], y[1], 0.08);
    tfx_paper_begin(p, 1, keys, n_keys);
    tfx_paper_panel(p, 0);
    tfx_paper_axis(p, "x", &sx, TFX_TICK_NUMBER, "");
    tfx_paper_axis(p, "y", &sy, TFX_TICK_NUMBER, "validation loss");
    print_x_axis(p, s);
    for (size_t i = 0; i < s->n; i += tfx_swept_of_group(s, i))
        arm_data(p, s, i, tfx_swept_of_group(s, i));
    for (size_t i = 0; i < n_keys; i++) {
        tfx_paper_line(p, block + 2 * i, keys[i].number, TFX_PAPER_DOT);
        tfx_paper_line(p, block + 2 * i + 1, keys[i].number, TFX_PAPER_MEAN);
    }
    tfx_paper_plot_end(p);
    free(keys);
}

tfx_status tfx_paper_sweep(tfx_paper *p, tfx_error *err)
{
    tfx_swept s;
    if (tfx_swept_load(&s, p->store, p->experiment, &p->curves, err) == TFX_OK && s.other_key)
        tfx_fail(err, TFX_E_INVALID, "figure 'sweep' shows losses against one number: the experiment sweeps %s and %s",
                 s.key, s.other_key);
    else if (err->status == TFX_OK && !s.n)
        tfx_fail(err, TFX_E_INVALID,
                 "figure 'sweep': no arm of the experiment that was swept over numbers has ended with an evaluation");
    else if (err->status == TFX_OK)
        draw(p, &s);
    tfx_swept_finish(&s);
    return err->status;
}
