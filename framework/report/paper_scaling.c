/* The figure "scaling": where runs ended, against what that cost, with the laws that were fitted to them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/report/fit_band.h"
#include "framework/report/paper_script.h"

static int counts(const tfx_endpoint *e)
{
    return e->decayed == 1 && e->incl[TFX_COST_FLOPS] > 0 && e->loss > 0;
}

/* A law as a line with its interval. */
typedef struct law_band {
    char *name;
    tfx_band_point points[TFX_BAND_POINTS];
} law_band;

/* Of the saved fits, those that say something of FLOPs. */
static law_band *load_bands(const tfx_paper *p, const double x[2], size_t *n, tfx_error *err)
{
    size_t n_fits, cap = 0;
    tfx_saved_fit *fits = tfx_fits_load(p->store, p->experiment, &n_fits, err);
    law_band *all = NULL, band;
    *n = 0;
    for (size_t i = 0; i < n_fits && err->status == TFX_OK; i++)
        if (tfx_fit_band(&fits[i].fit, x[0], x[1], band.points)) {
            band.name = tfx_strdup(fits[i].name);
            *TFX_APPEND(all, *n, cap) = band;
        }
    tfx_fits_finish(fits, n_fits);
    return all;
}

static void band_data(tfx_paper *p, const law_band *b)
{
    tfx_paper_data(p);
    for (size_t i = 0; i < TFX_BAND_POINTS; i++) {
        const tfx_band_point *at = &b->points[i];
        double low = at->low > 0 ? at->low : at->loss, high = at->high > 0 ? at->high : at->loss;
        fprintf(p->script, "%.17g %.17g %.17g %.17g\n", at->flops, at->loss, low, high);
    }
    tfx_paper_data_end(p);
}

static int is_of(const tfx_paper *p, const tfx_endpoint *e, size_t group)
{
    size_t arm = tfx_loss_curves_arm(&p->curves, e->arm);
    return counts(e) && arm != TFX_NO_ARM && p->curves.arms[arm].group == group;
}

static void group_data(tfx_paper *p, const tfx_endpoints *ends, size_t group)
{
    tfx_paper_data(p);
    for (size_t i = 0; i < ends->n; i++)
        if (is_of(p, &ends->items[i], group))
            fprintf(p->script, "%.17g %.17g\n", ends->items[i].incl[TFX_COST_FLOPS], ends->items[i].loss);
    tfx_paper_data_end(p);
}

/* Groups of arms that have an endpoint that counts, then laws. The caller frees it. */
static tfx_paper_key *make_legend(const tfx_paper *p, const tfx_endpoints *ends, const law_band *bands, size_t n_bands,
                                  size_t *n_groups)
{
    tfx_paper_key *keys = NULL;
    size_t n = 0, cap = 0;
    for (size_t g = 0; g < p->curves.n_groups; g++) {
        size_t i = 0;
        while (i < ends->n && !is_of(p, &ends->items[i], g))
            i++;
        if (i < ends->n)
            *TFX_APPEND(keys, n, cap) = (tfx_paper_key){p->curves.groups[g], g, TFX_PAPER_DOT};
    }
    *n_groups = n;
    for (size_t i = 0; i < n_bands; i++)
        *TFX_APPEND(keys, n, cap) = (tfx_paper_key){bands[i].name, i, TFX_PAPER_LAW};
    return keys;
}

static void draw(tfx_paper *p, const tfx_endpoints *ends, const double x[2], double y[2], tfx_error *err)
{
    size_t n_bands, n_groups;
    law_band *bands = load_bands(p, x, &n_bands, err);
    tfx_paper_key *keys = make_legend(p, ends, bands, n_bands, &n_groups);
    for (size_t i = 0; i < n_bands; i++)
        for (size_t k = 0; k < TFX_BAND_POINTS; k++) /* the line, not all of its interval */
            tfx_range_widen(y, bands[i].points[k].loss);
    tfx_scale sx = tfx_scale_cost(x[0], x[1], 0.06), sy = tfx_scale_log(y[0], y[1], 0.08);
    tfx_paper_begin(p, 1, keys, n_groups + n_bands);
    tfx_paper_panel(p, 0);
    tfx_paper_axis(p, "x", &sx, TFX_TICK_POWER, "training FLOPs, including ancestors");
    tfx_paper_axis(p, "y", &sy, TFX_TICK_NUMBER, "validation loss");
    size_t block = p->n_blocks;
    for (size_t i = 0; i < n_bands; i++)
        band_data(p, &bands[i]);
    for (size_t i = 0; i < n_groups; i++)
        group_data(p, ends, keys[i].number);
    for (size_t i = 0; i < n_bands; i++)
        tfx_paper_band(p, block + i);
    for (size_t i = 0; i < n_bands; i++)
        tfx_paper_line(p, block + i, i, TFX_PAPER_LAW);
    for (size_t i = 0; i < n_groups; i++)
        tfx_paper_line(p, block + n_bands + i, keys[i].number, TFX_PAPER_DOT);
    tfx_paper_plot_end(p);
    for (size_t i = 0; i < n_bands; i++)
        free(bands[i].name);
    free(keys);
    free(bands);
}

tfx_status tfx_paper_scaling(tfx_paper *p, tfx_error *err)
{
    tfx_endpoints ends = {.n = 0};
    double x[2] = {INFINITY, 0}, y[2] = {INFINITY, 0};
    tfx_endpoints_read(&ends, p->store, p->experiment, 0, err);
    for (size_t i = 0; i < ends.n; i++)
        if (counts(&ends.items[i])) {
            tfx_range_widen(x, ends.items[i].incl[TFX_COST_FLOPS]);
            tfx_range_widen(y, ends.items[i].loss);
        }
    if (x[1] > 0)
        draw(p, &ends, x, y, err);
    else if (ends.n)
        tfx_fail(err, TFX_E_INVALID,
                 "figure 'scaling' has the ends of runs whose learning rate has decayed to a tenth of its peak: the "
                 "experiment has %zu, and at none of them it has",
                 ends.n);
    else
        tfx_fail(err, TFX_E_INVALID, "figure 'scaling': no run of the experiment has ended with an evaluation");
    tfx_endpoints_finish(&ends);
    return err->status;
}
