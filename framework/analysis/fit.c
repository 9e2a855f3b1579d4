/* Fit: see framework/analysis/fit.h. */
#include "framework/analysis/fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/analysis/minimise.h"
#include "framework/analysis/misfit.h"
#include "framework/base/memory.h"
#include "framework/base/parallel.h"
#include "framework/base/random.h"

/* Values of the objective that differ by less than this part are of one minimum; a sum of residuals below the second is 0. */
#define SAME 1e-6
#define ZERO 1e-8

static int is_lower(double a, double b)
{
    return a < b * (1 - SAME) - ZERO;
}

typedef struct candidate {
    double theta[TFX_LAW_COEFFICIENTS], value;
    size_t start;
} candidate;

typedef struct search {
    const tfx_misfit *misfit;
    candidate *candidates;
    double tolerance;
    size_t most;
} search;

/* Starts that go on after each round, and how many iterations each gets. What is left of 4500 after a few iterations
 * was at the best minimum of every data set that was tried, in the first tenth of a tenth. */
static const struct round {
    size_t keep, iterations;
} rounds[] = {{(size_t)-1, 5}, {400, 20}, {40, 200}, {8, 3000}};

static int by_value(const void *pa, const void *pb)
{
    const candidate *a = pa, *b = pb;
    if (isnan(a->value) || isnan(b->value))
        return isnan(a->value) - isnan(b->value);
    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return a->start < b->start ? -1 : 1; /* the same order whatever qsort does */
}

static void follow(void *ctx, uint64_t first, uint64_t n)
{
    const search *s = ctx;
    tfx_misfit r = *s->misfit;
    for (uint64_t i = first; i < first + n; i++) {
        candidate *c = &s->candidates[i];
        c->value = tfx_minimise(tfx_misfit_objective, &r, r.law->n_coefficients, c->theta, s->tolerance, s->most);
    }
}

/* As long as beginning anew from where it ended leads further down. */
static double minimise_fully(tfx_misfit *r, double *theta)
{
    double value = INFINITY, before;
    int again = 0;
    do {
        before = value;
        value = tfx_minimise(tfx_misfit_objective, r, r->law->n_coefficients, theta, 1e-12, rounds[3].iterations);
    } while (value < before * (1 - 1e-12) && ++again < 50);
    return value;
}

static void follow_fully(void *ctx, uint64_t first, uint64_t n)
{
    const search *s = ctx;
    tfx_misfit r = *s->misfit;
    for (uint64_t i = first; i < first + n; i++)
        s->candidates[i].value = minimise_fully(&r, s->candidates[i].theta);
}

/* Minima that a replicate is fitted again from: the estimate, what other starts ended at, and if E ended at 0, where it
 * has no slope, the estimate with more of it. With few points another one may be the lowest of what was drawn. */
#define MOST_MINIMA 4
#define NO_FLOOR 1e-3 /* of the loss: an E below is taken for 0 */

static int has_floor(const tfx_law *law)
{
    return !strcmp(law->coefficients[0].name, "E");
}

typedef struct minima {
    double theta[MOST_MINIMA][TFX_LAW_COEFFICIENTS];
    size_t n;
} minima;

static minima find_estimate(tfx_fit *f, tfx_misfit *r)
{
    const tfx_law *law = f->law;
    search s = {r, TFX_NEW_ARRAY(candidate, law->n_starts), 1e-6, 0};
    size_t n = law->n_starts;
    for (size_t i = 0; i < n; i++) {
        s.candidates[i].start = i;
        law->start(i, r->centre, r->mean_log_loss, s.candidates[i].theta);
    }
    for (size_t k = 0; k < sizeof(rounds) / sizeof(*rounds); k++) {
        int last = k + 1 == sizeof(rounds) / sizeof(*rounds);
        n = n < rounds[k].keep ? n : rounds[k].keep;
        s.most = rounds[k].iterations;
        tfx_parallel_ranges(n, 1, last ? follow_fully : follow, &s);
        qsort(s.candidates, n, sizeof(*s.candidates), by_value);
    }
    f->n_finalists = n;
    for (size_t i = 0; i < n; i++)
        f->n_agree += !is_lower(s.candidates[0].value, s.candidates[i].value);
    memcpy(f->theta, s.candidates[0].theta, sizeof(f->theta));
    f->objective = r->delta * tfx_minimise_exactly(tfx_misfit_objective, r, law->n_coefficients, f->theta);
    minima found = {.n = 1};
    memcpy(found.theta[0], f->theta, sizeof(f->theta));
    if (has_floor(law) && f->theta[0] < r->mean_log_loss + log(NO_FLOOR)) {
        memcpy(found.theta[found.n], f->theta, sizeof(f->theta));
        found.theta[found.n++][0] = r->mean_log_loss + log(0.5);
    }
    for (size_t i = 1; i < n && found.n < MOST_MINIMA; i++)
        if (is_lower(s.candidates[i - 1].value, s.candidates[i].value))
            memcpy(found.theta[found.n++], s.candidates[i].theta, sizeof(f->theta));
    free(s.candidates);
    return found;
}

/* ---- bootstrap ---- */

typedef struct drawing {
    const tfx_misfit *misfit;
    const minima *minima; /* in its coordinates */
    tfx_fit *fit;
} drawing;

/* From that minimum to where the weighted points lead. */
static double refit(tfx_misfit *r, const double *from, double *theta)
{
    size_t n = r->law->n_coefficients;
    memcpy(theta, from, n * sizeof(*theta));
    /* Twice, since the first may end where the line search is at odds with the kinks of the slope. */
    tfx_minimise(tfx_misfit_objective, r, n, theta, 1e-6, 300);
    return tfx_minimise(tfx_misfit_objective, r, n, theta, 1e-6, 300);
}

static void draw_and_fit(void *ctx, uint64_t first, uint64_t n)
{
    const drawing *d = ctx;
    size_t n_coefficients = d->fit->law->n_coefficients, n_all = d->misfit->n;
    tfx_misfit r = tfx_misfit_reweighted(d->misfit);
    for (uint64_t i = first; i < first + n; i++) {
        double *theta = d->fit->replicates + i * n_coefficients, best = INFINITY, other[TFX_LAW_COEFFICIENTS];
        memset(r.weight, 0, n_all * sizeof(*r.weight));
        for (size_t k = 0; k < n_all; k++) {
            /* 53 bits of a uniform number: no observation is likelier than another by more than 1e-13. */
            double uniform = (double)(tfx_random_u64(d->fit->params.seed, i, k) >> 11) * 0x1p-53;
            r.weight[(size_t)(uniform * (double)n_all)] += 1;
        }
        for (size_t k = 0; k < d->minima->n; k++) {
            double value = refit(&r, d->minima->theta[k], other);
            if (value < best) {
                best = value;
                memcpy(theta, other, n_coefficients * sizeof(*theta));
            }
        }
    }
    tfx_misfit_finish_reweighted(&r);
}

tfx_interval tfx_fit_interval(const tfx_fit *f, tfx_fit_number number, const void *ctx)
{
    size_t n = f->replicates ? f->params.replicates : 0;
    double *values = TFX_NEW_ARRAY(double, n);
    for (size_t i = 0; i < n; i++)
        values[i] = number(f->law, f->replicates + i * f->law->n_coefficients, ctx);
    tfx_interval interval = tfx_interval_of(values, n);
    free(values);
    return interval;
}

static double coefficient(const tfx_law *law, const double *theta, const void *index)
{
    double values[TFX_LAW_COEFFICIENTS];
    law->values(theta, values);
    return values[*(const size_t *)index];
}

/* ---- what the fit is worth ---- */

/* An interval of a scale that spans more powers of ten than this says nothing of it. */
#define MOST_SPAN 1e4

static const char *doubt(const tfx_coefficient *c, double value, const tfx_interval *i, int have_replicates,
                         double least_loss)
{
    int is_floor = !strcmp(c->name, "E");
    if (!isfinite(value))
        return "it is larger than any number";
    if (is_floor && value < NO_FLOOR * least_loss)
        return "it ended at 0, its bound";
    if (!have_replicates)
        return NULL;
    if (!i->known)
        return "in some replicates it is larger than any number";
    if (is_floor)
        return i->low_95 < NO_FLOOR * least_loss ? "its interval reaches 0, its bound" : NULL;
    if (c->is_scale)
        return i->high_95 > MOST_SPAN * i->low_95 ? "its interval spans more than four powers of ten" : NULL;
    return i->low_95 <= 0 && i->high_95 >= 0 ? "its interval has 0 in it" : NULL;
}

static void judge(tfx_fit *f, const tfx_observations *o, const tfx_misfit *r)
{
    double left = 0, all = 0, least = INFINITY;
    for (size_t k = 0; k < f->law->n_variables; k++)
        f->least[k] = f->most[k] = o->items[0].x[k];
    for (size_t i = 0; i < o->n; i++) {
        for (size_t k = 0; k < f->law->n_variables; k++) {
            f->least[k] = fmin(f->least[k], o->items[i].x[k]);
            f->most[k] = fmax(f->most[k], o->items[i].x[k]);
        }
        double x = f->log_residuals[i] = r->log_loss[i] - log(tfx_law_loss(f->law, f->theta, o->items[i].x));
        double from_mean = r->log_loss[i] - r->mean_log_loss;
        left += x * x;
        all += from_mean * from_mean;
        if (fabs(x) > fabs(f->log_residuals[f->worst]))
            f->worst = i;
        least = fmin(least, o->items[i].loss);
    }
    f->r2_log = all > 0 ? 1 - left / all : NAN;
    for (size_t k = 0; k < f->law->n_coefficients; k++) {
        f->intervals[k] = tfx_fit_interval(f, coefficient, &k);
        f->doubts[k] = doubt(&f->law->coefficients[k], f->values[k], &f->intervals[k], f->replicates != NULL, least);
    }
}

void tfx_fit_init(tfx_fit *f, const tfx_observations *o, const tfx_fit_params *params)
{
    tfx_misfit r;
    double back[TFX_LAW_VARIABLES];
    *f = (tfx_fit){.law = o->law, .params = *params, .n_observations = o->n};
    tfx_misfit_init(&r, o, params->delta);
    minima found = find_estimate(f, &r);
    if (params->replicates) {
        f->replicates = TFX_NEW_ARRAY(double, params->replicates * f->law->n_coefficients);
        tfx_parallel_ranges(params->replicates, 1, draw_and_fit, &(drawing){&r, &found, f});
    }
    for (size_t k = 0; k < f->law->n_variables; k++)
        back[k] = -r.centre[k];
    f->law->move(f->theta, back);
    for (size_t i = 0; i < params->replicates; i++)
        f->law->move(f->replicates + i * f->law->n_coefficients, back);
    f->law->values(f->theta, f->values);
    if (f->law->two_terms)
        f->cost = tfx_token_cost_of(o);
    f->log_residuals = TFX_NEW_ARRAY(double, o->n);
    judge(f, o, &r);
    tfx_misfit_finish(&r);
}

void tfx_fit_finish(tfx_fit *f)
{
    free(f->replicates);
    free(f->log_residuals);
    *f = (tfx_fit){0};
}
