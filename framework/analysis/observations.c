/* Observations: see framework/analysis/observations.h. */
#include "framework/analysis/observations.h"

#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"

/* Above this correlation of their logarithms, what is of N and what of D can hardly be told apart. */
#define TOGETHER 0.98

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int count_different(const tfx_observations *o, size_t variable)
{
    double *values = TFX_NEW_ARRAY(double, o->n);
    int n = o->n > 0;
    for (size_t i = 0; i < o->n; i++)
        values[i] = o->items[i].x[variable];
    qsort(values, o->n, sizeof(*values), by_number);
    for (size_t i = 1; i < o->n; i++)
        n += values[i] > values[i - 1] * (1 + 1e-9);
    free(values);
    return n;
}

static void name_observation(const tfx_observation *o, char *buf, size_t n)
{
    if (o->line)
        snprintf(buf, n, "line %d", o->line);
    else
        snprintf(buf, n, "run %lld", (long long)o->run);
}

/* Seeds differ in their loss at least; the same loss again is a row that was copied. */
static void note_duplicates(tfx_observations *o)
{
    size_t n = 0;
    char first[48] = "", second[48] = "";
    for (size_t i = 0; i < o->n; i++)
        for (size_t k = 0; k < i; k++) {
            const tfx_observation *a = &o->items[k], *b = &o->items[i];
            if (a->loss != b->loss || memcmp(a->x, b->x, sizeof(a->x)) != 0)
                continue;
            if (!n++) {
                name_observation(a, first, sizeof(first));
                name_observation(b, second, sizeof(second));
            }
            break;
        }
    if (n)
        tfx_text_add(&o->notes, "%zu %s another, number for number (%s is %s); it counts twice\n", n,
                     n == 1 ? "point repeats" : "points repeat", second, first);
}

static void note_together(tfx_observations *o)
{
    const tfx_law *law = o->law;
    double *logs[TFX_LAW_VARIABLES];
    if (law->n_variables < 2)
        return;
    for (size_t k = 0; k < 2; k++) {
        logs[k] = TFX_NEW_ARRAY(double, o->n);
        for (size_t i = 0; i < o->n; i++)
            logs[k][i] = log(o->items[i].x[k]);
    }
    double r = gsl_stats_correlation(logs[0], 1, logs[1], 1, o->n);
    if (fabs(r) > TOGETHER)
        tfx_text_add(
            &o->notes,
            "%s and %s change together (correlation %.4f of their logarithms): which of them a loss comes from "
            "can hardly be told\n",
            law->variables[0].symbol, law->variables[1].symbol, r);
    free(logs[0]);
    free(logs[1]);
}

/* Where they do not, every law fits without an error, and its interval is a point. */
static int losses_differ(const tfx_observations *o)
{
    for (size_t i = 1; i < o->n; i++)
        if (o->items[i].loss != o->items[0].loss)
            return 1;
    return 0;
}

tfx_status tfx_observations_check(tfx_observations *o, const char *from, tfx_error *err)
{
    if (err->status != TFX_OK)
        return err->status; /* perhaps before there was a law */
    const tfx_law *law = o->law;
    size_t least = law->n_coefficients + 2;
    if (o->n < least)
        return tfx_fail(err, TFX_E_INVALID,
                        "%s: too few points for the form %s: it has %zu coefficients, expected at least %zu points, "
                        "found %zu",
                        from, law->name, law->n_coefficients, least, o->n);
    for (size_t k = 0; k < law->n_variables; k++) {
        int n = count_different(o, k);
        if (n < law->variables[k].least_values)
            return tfx_fail(
                err, TFX_E_INVALID,
                "%s: the form %s is not identified by these points: expected at least %d different values of "
                "%s (%s), found %d",
                from, law->name, law->variables[k].least_values, law->variables[k].symbol, law->variables[k].meaning,
                n);
    }
    if (!losses_differ(o))
        return tfx_fail(err, TFX_E_INVALID, "%s: expected losses that differ, found %g everywhere", from,
                        o->items[0].loss);
    note_duplicates(o);
    note_together(o);
    return TFX_OK;
}

void tfx_observations_finish(tfx_observations *o)
{
    free(o->items);
    tfx_text_free(&o->notes);
    *o = (tfx_observations){0};
}
