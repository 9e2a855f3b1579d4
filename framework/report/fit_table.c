/* Fits as text: see framework/report/fit_table.h. */
#include "framework/report/fit_table.h"

#include <math.h>
#include <string.h>

#include "framework/base/text.h"
#include "framework/report/table.h"

#define CELL 64
#define RANGE (2 * CELL + 8)

/* How numbers of one kind are shown; buf has CELL bytes. */
typedef char *(*format)(char *buf, double x);

static char *as_coefficient(char *buf, double x)
{
    snprintf(buf, CELL, fabs(x) >= 1e6 || fabs(x) < 1e-4 ? "%.4g" : fabs(x) >= 100 ? "%.2f" : "%.4f", x);
    return buf;
}

static char *as_loss(char *buf, double x)
{
    return tfx_cell_format(buf, TFX_CELL_LOSS, x);
}

/* An interval's ends; "" where none was asked for. */
static char *range(char *buf, format show, const tfx_interval *i, double low, double high)
{
    char a[CELL], b[CELL];
    if (i->known)
        snprintf(buf, RANGE, "%s to %s", show(a, low), show(b, high));
    else
        snprintf(buf, RANGE, "%s", i->n ? "unbounded" : "");
    return buf;
}

static char *range_95(char *buf, format show, const tfx_interval *i)
{
    return range(buf, show, i, i->low_95, i->high_95);
}

static void print_coefficients(const tfx_fit *f, FILE *out)
{
    char value[CELL], error[CELL], r80[RANGE], r95[RANGE];
    fprintf(out, "\n%-11s  %11s", "coefficient", "estimate");
    fprintf(out, f->replicates ? "  %11s  %-22s  %s\n" : "\n", "std error", "80% interval", "95% interval");
    for (size_t k = 0; k < f->law->n_coefficients; k++) {
        const tfx_interval *i = &f->intervals[k];
        fprintf(out, "%-11s  %11s", f->law->coefficients[k].name, as_coefficient(value, f->values[k]));
        if (f->replicates)
            fprintf(out, "  %11s  %-22s  %s", i->known ? as_coefficient(error, i->error) : "",
                    range(r80, as_coefficient, i, i->low_80, i->high_80), range_95(r95, as_coefficient, i));
        fputs("\n", out);
    }
    for (size_t k = 0; k < f->law->n_coefficients; k++)
        if (f->doubts[k])
            fprintf(out, "%s is not identified: %s.\n", f->law->coefficients[k].name, f->doubts[k]);
}

static void print_goodness(const tfx_fit_report *r, FILE *out)
{
    const tfx_fit *f = r->fit;
    const tfx_observation *worst = &r->observations->items[f->worst];
    fprintf(out, "\nR^2 of log L %.5f, Huber's sum %.10g; furthest from the law: ", f->r2_log, f->objective);
    fprintf(out, worst->line ? "line %lld" : "run %lld", worst->line ? (long long)worst->line : (long long)worst->run);
    fprintf(out, ", %+.2f%%\n", 100 * expm1(f->log_residuals[f->worst]));
    if (f->n_agree < f->n_finalists)
        fprintf(out, "%zu of the %zu starts that were followed to the end found this minimum, the others worse ones.\n",
                f->n_agree, f->n_finalists);
}

static void print_optimum(const char *title, const tfx_optimum *o, FILE *out)
{
    char n[CELL], d[CELL], rn[RANGE], rd[RANGE], rl[RANGE], loss[CELL];
    fprintf(out, "%-9s  %7s  %-18s  %7s  %-18s  %7s  %s\n", title, tfx_format_count(n, o->n),
            range_95(rn, tfx_format_count, &o->n_interval), tfx_format_count(d, o->d),
            range_95(rd, tfx_format_count, &o->d_interval), as_loss(loss, o->loss),
            range_95(rl, as_loss, &o->loss_interval));
}

/* Whether a size, or a number of tokens, is one that the points have on both sides. */
static int is_among(const tfx_fit *f, const tfx_optimum *o)
{
    const double x[] = {o->n, o->d};
    return tfx_forecast_beyond(f, x, 0) <= 1 && tfx_forecast_beyond(f, x, 1) <= 1;
}

static void print_frontier(const tfx_fit *f, const tfx_frontier *r, FILE *out)
{
    char a[RANGE], b[RANGE], cost[64];
    int any = r->a_interval.n > 0;
    if (!isfinite(r->a)) {
        fputs("\nNo compute-optimal frontier: more parameters, or more tokens, do not lower the loss of this law.\n",
              out);
        return;
    }
    if (r->cost.fixed > 0)
        snprintf(cost, sizeof(cost), "(%.4g + %.4g N) D", r->cost.fixed, r->cost.per_parameter);
    else
        snprintf(cost, sizeof(cost), "%.4g N D", r->cost.per_parameter);
    fprintf(out, "\nCompute-optimal for C = %s (%s): N grows as C^%.4f%s%s%s, D as C^%.4f%s%s%s%s\n", cost,
            r->cost.measured ? "measured" : "the usual count; no FLOPs were given", r->a, any ? " (95%: " : "",
            range_95(a, as_coefficient, &r->a_interval), any ? ")" : "", r->b, any ? " (" : "",
            range_95(b, as_coefficient, &r->b_interval), any ? ")" : "", r->cost.fixed > 0 ? ", once C is large" : "");
    const char *title_95 = any ? "95%" : "";
    fprintf(out, "%-9s  %7s  %-18s  %7s  %-18s  %7s  %s\n", "FLOPs", "N", title_95, "D", title_95, "loss", title_95);
    int beyond = 0, outside = 0;
    for (size_t i = 0; i < r->n_budgets; i++) {
        char title[32];
        int among = is_among(f, &r->budgets[i].optimum);
        beyond |= r->budgets[i].beyond;
        outside |= !among && !r->budgets[i].beyond;
        snprintf(title, sizeof(title), "%.0e%s", r->budgets[i].flops, r->budgets[i].beyond ? " *" : among ? "" : " +");
        print_optimum(title, &r->budgets[i].optimum, out);
    }
    if (beyond)
        fputs("* more than any of the points took\n", out);
    if (outside)
        fputs("+ N or D is beyond those of the points\n", out);
}

static void print_forecasts(const tfx_fit_report *r, FILE *out)
{
    const tfx_law *law = r->fit->law;
    char buf[RANGE];
    for (size_t i = 0; i < r->n_forecasts; i++) {
        const tfx_forecast *f = &r->forecasts[i];
        fputs(i ? "Forecast" : "\nForecast", out);
        for (size_t k = 0; k < law->n_variables; k++)
            fprintf(out, "%s %s = %s", k ? "," : "", law->variables[k].symbol,
                    tfx_cell_format(buf, *law->variables[k].symbol == 'C' ? TFX_CELL_FLOPS : TFX_CELL_COUNT, f->x[k]));
        fprintf(out, ": loss %.4f", f->loss);
        if (r->fit->replicates)
            fprintf(out, " (95%%: %s)", range_95(buf, as_loss, &f->interval));
        for (size_t k = 0; k < law->n_variables; k++) {
            double times = tfx_forecast_beyond(r->fit, f->x, k);
            if (times > 1)
                fprintf(out, "; %s is %.3g times beyond the points", law->variables[k].symbol, times);
        }
        fputs("\n", out);
    }
}

void tfx_report_fit(const tfx_fit_report *r, FILE *out)
{
    const tfx_fit *f = r->fit;
    fprintf(out, "%s: %zu points, %s (%s)\n", r->source, f->n_observations, f->law->formula, f->law->source);
    fprintf(out, "Huber loss of log L, delta %g; %zu starts", f->params.delta, f->law->n_starts);
    if (f->replicates)
        fprintf(out, "; intervals of %zu bootstrap replicates, seed %llu", f->params.replicates,
                (unsigned long long)f->params.seed);
    fputs("\n", out);
    print_coefficients(f, out);
    print_goodness(r, out);
    if (r->frontier)
        print_frontier(r->fit, r->frontier, out);
    print_forecasts(r, out);
    for (const char *s = r->observations->notes.s; s && *s;) {
        size_t n = strcspn(s, "\n");
        fprintf(out, "%sNote: %.*s.\n", s == r->observations->notes.s ? "\n" : "", (int)n, s);
        s += n + (s[n] == '\n');
    }
}
