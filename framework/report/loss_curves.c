/* Loss curves: see framework/report/loss_curves.h. */
#include "framework/report/loss_curves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/store/queries_report.h"

const char *const tfx_side_names[TFX_SIDES] = {"incl", "excl"};

size_t tfx_loss_curves_arm(const tfx_loss_curves *c, const char *arm)
{
    for (size_t i = 0; i < c->n_arms; i++)
        if (!strcmp(c->arms[i].arm, arm))
            return i;
    return TFX_NO_ARM;
}

size_t tfx_loss_curves_group(const tfx_loss_curves *c, const char *name)
{
    for (size_t i = 0; i < c->n_groups; i++)
        if (!strcmp(c->groups[i], name))
            return i;
    return TFX_NO_ARM;
}

const tfx_loss_curve *tfx_arm_main_curve(const tfx_arm_curves *arm)
{
    const tfx_loss_curve *furthest = NULL;
    for (size_t r = 0; r < arm->n_runs; r++) {
        const tfx_loss_curve *c = &arm->runs[r];
        if (!furthest || c->points[c->n - 1].step > furthest->points[furthest->n - 1].step)
            furthest = c;
    }
    return arm->mean.n ? &arm->mean : furthest;
}

/* ---- thinning ---- */

/* The place of the i-th of n points, from 0 to 1: half by its number, half by the number's logarithm, since axes are
 * logarithmic and ends matter most. */
static double place(size_t i, size_t n)
{
    return 0.5 * (double)i / (double)n + 0.5 * log1p((double)i) / log1p((double)n);
}

/* Marks what stays of the points [from, to) of one stage. */
static void mark(const tfx_loss_curve *c, size_t from, size_t to, size_t n_places, char *stays)
{
    stays[from] = stays[to - 1] = 1;
    for (size_t i = from; i < to;) {
        size_t low = i, high = i, of = (size_t)(place(i - from, to - from) * (double)n_places);
        for (; i < to && (size_t)(place(i - from, to - from) * (double)n_places) == of; i++) {
            low = c->points[i].loss < c->points[low].loss ? i : low;
            high = c->points[i].loss > c->points[high].loss ? i : high;
        }
        stays[low] = stays[high] = 1;
    }
}

void tfx_loss_curve_thin(tfx_loss_curve *c, size_t budget)
{
    if (c->n <= budget)
        return;
    char *stays = tfx_alloc(c->n);
    for (size_t from = 0, to; from < c->n; from = to) {
        for (to = from + 1; to < c->n && c->points[to].stage == c->points[from].stage;)
            to++;
        /* Two points for each place. */
        mark(c, from, to, (size_t)((double)budget / 2 * (double)(to - from) / (double)c->n) + 1, stays);
    }
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++)
        if (stays[i])
            c->points[n++] = c->points[i];
    c->n = n;
    free(stays);
}

/* ---- means ---- */

/* Before it in its run: negative; at the same place: 0. */
static int compare(const tfx_loss_point *a, const tfx_loss_point *b)
{
    if (a->stage != b->stage)
        return a->stage < b->stage ? -1 : 1;
    return (a->step > b->step) - (a->step < b->step);
}

/* A run that has not come half as far as the furthest has just begun, or failed: it would cut the mean short. */
static int counts(const tfx_arm_curves *arm, size_t run)
{
    int64_t furthest = 0;
    for (size_t r = 0; r < arm->n_runs; r++)
        furthest = arm->runs[r].points[arm->runs[r].n - 1].step > furthest
                       ? arm->runs[r].points[arm->runs[r].n - 1].step
                       : furthest;
    return 2 * arm->runs[run].points[arm->runs[run].n - 1].step >= furthest;
}

static void add_point(tfx_loss_point *sum, const tfx_loss_point *p)
{
    for (int k = 0; k < TFX_N_COSTS * TFX_SIDES; k++)
        sum->cost[k / TFX_SIDES][k % TFX_SIDES] += p->cost[k / TFX_SIDES][k % TFX_SIDES];
    sum->loss += p->loss;
}

/* The sum of what the runs [0, n) of `of` have at the place of *sum, which is of the first. 0: one was not evaluated
 * there. `at` are where their points were looked at last. */
static int add_up(const tfx_loss_curve *const *of, size_t n, size_t *at, tfx_loss_point *sum)
{
    for (size_t r = 1; r < n; r++) {
        while (at[r] < of[r]->n && compare(&of[r]->points[at[r]], sum) < 0)
            at[r]++;
        if (at[r] == of[r]->n || compare(&of[r]->points[at[r]], sum) != 0)
            return 0;
        add_point(sum, &of[r]->points[at[r]]);
    }
    return 1;
}

/* Means over the seeds where all were evaluated: where one is missing, a mean over the others would jump. */
static void average(tfx_arm_curves *arm)
{
    const tfx_loss_curve **of = TFX_NEW_ARRAY(const tfx_loss_curve *, arm->n_runs);
    size_t *at = TFX_NEW_ARRAY(size_t, arm->n_runs);
    for (size_t r = 0; r < arm->n_runs; r++)
        if (counts(arm, r))
            of[arm->n_mean++] = &arm->runs[r];
    for (size_t i = 0; arm->n_mean > 1 && i < of[0]->n; i++) {
        tfx_loss_point sum = of[0]->points[i];
        if (!add_up(of, arm->n_mean, at, &sum))
            continue;
        for (int k = 0; k < TFX_N_COSTS * TFX_SIDES; k++)
            sum.cost[k / TFX_SIDES][k % TFX_SIDES] /= (double)arm->n_mean;
        sum.loss /= (double)arm->n_mean;
        *TFX_APPEND(arm->mean.points, arm->mean.n, arm->mean.cap) = sum;
    }
    free(at);
    free(of);
}

/* ---- reading ---- */

/* Adds it where it is not there. */
static size_t need_group(tfx_loss_curves *c, const char *name)
{
    size_t known = tfx_loss_curves_group(c, name);
    if (known != TFX_NO_ARM)
        return known;
    *TFX_APPEND(c->groups, c->n_groups, c->groups_cap) = tfx_strdup(name);
    return c->n_groups - 1;
}

static void load_arms(tfx_store *s, tfx_id experiment, tfx_loss_curves *out, tfx_error *err)
{
    tfx_rows *q = tfx_query_report(s, TFX_REPORT_OUTCOMES, experiment, err);
    while (tfx_rows_next(q, err))
        *TFX_APPEND(out->arms, out->n_arms, out->cap) = (tfx_arm_curves){
            .arm = tfx_strdup(tfx_rows_text(q, 0, err)), .group = need_group(out, tfx_rows_text(q, 15, err))};
    tfx_rows_close(q);
}

static tfx_loss_point read_point(tfx_rows *q, tfx_error *err)
{
    tfx_loss_point p = {.stage = tfx_rows_int(q, 3, 0, err),
                        .parameters = tfx_rows_int(q, 4, 0, err),
                        .step = tfx_rows_int(q, 5, 0, err),
                        .loss = tfx_rows_real(q, 12, err)};
    for (int k = 0; k < TFX_N_COSTS * TFX_SIDES; k++)
        p.cost[k / TFX_SIDES][k % TFX_SIDES] = tfx_rows_real(q, 6 + k, err);
    return p;
}

static void load_points(tfx_store *s, tfx_id experiment, tfx_loss_curves *out, tfx_error *err)
{
    tfx_rows *q = tfx_query_report(s, TFX_REPORT_CURVES, experiment, err);
    while (tfx_rows_next(q, err)) {
        tfx_id run = tfx_rows_id(q, 2, err);
        size_t a = tfx_loss_curves_arm(out, tfx_rows_text(q, 0, err));
        tfx_loss_point p = read_point(q, err);
        if (a == TFX_NO_ARM || !isfinite(p.loss)) /* a loss that diverged has no place */
            continue;
        tfx_arm_curves *arm = &out->arms[a];
        if (!arm->n_runs || arm->runs[arm->n_runs - 1].run != run) {
            tfx_loss_curve *c = TFX_APPEND(arm->runs, arm->n_runs, arm->cap);
            c->run = run;
            c->seed = tfx_rows_int(q, 1, INT64_MIN, err);
        }
        tfx_loss_curve *c = &arm->runs[arm->n_runs - 1];
        *TFX_APPEND(c->points, c->n, c->cap) = p;
        out->n_evaluations++;
    }
    tfx_rows_close(q);
}

tfx_status tfx_loss_curves_load(tfx_store *s, tfx_id experiment, size_t budget, tfx_loss_curves *out, tfx_error *err)
{
    *out = (tfx_loss_curves){0};
    load_arms(s, experiment, out, err);
    if (err->status == TFX_OK)
        load_points(s, experiment, out, err);
    size_t n_runs = 0;
    for (size_t i = 0; i < out->n_arms; i++)
        n_runs += out->arms[i].n_runs;
    size_t each = budget / (n_runs ? n_runs : 1);
    for (size_t i = 0; i < out->n_arms; i++) {
        tfx_arm_curves *arm = &out->arms[i];
        average(arm); /* of all points, before any of them goes */
        tfx_loss_curve_thin(&arm->mean, each);
        for (size_t r = 0; r < arm->n_runs; r++) {
            tfx_loss_curve_thin(&arm->runs[r], each);
            out->n_kept += arm->runs[r].n;
        }
    }
    return err->status;
}

void tfx_loss_curves_finish(tfx_loss_curves *c)
{
    for (size_t i = 0; i < c->n_arms; i++) {
        for (size_t r = 0; r < c->arms[i].n_runs; r++)
            free(c->arms[i].runs[r].points);
        free(c->arms[i].runs);
        free(c->arms[i].mean.points);
        free(c->arms[i].arm);
    }
    for (size_t i = 0; i < c->n_groups; i++)
        free(c->groups[i]);
    free(c->groups);
    free(c->arms);
    *c = (tfx_loss_curves){0};
}
