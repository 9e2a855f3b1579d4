/* Frontier: see framework/analysis/frontier.h. */
#include "framework/analysis/frontier.h"

#include <math.h>

/* C = 6 N D: 2 FLOPs forward and 4 backward for each parameter and token (Kaplan et al. 2020). */
#define USUAL_FLOPS_PER_ND 6

typedef struct division {
    double product; /* N D */
    enum { OF_N, OF_D, OF_LOSS, OF_A, OF_B } what;
} division;

static double divide(const tfx_law *law, const double *theta, const void *ctx)
{
    const division *q = ctx;
    tfx_two_terms t = law->two_terms(theta);
    double alpha = t.exponent[0], beta = t.exponent[1], a = beta / (alpha + beta);
    if (!(alpha > 0 && beta > 0))
        return NAN;
    double log_g = (log(alpha / beta) + t.log_scale[0] - t.log_scale[1]) / (alpha + beta);
    double log_n = log_g + a * log(q->product), u[2] = {log_n, log(q->product) - log_n};
    switch (q->what) {
    case OF_N: return exp(u[0]);
    case OF_D: return exp(u[1]);
    case OF_LOSS: return exp(law->predict(theta, u, NULL));
    case OF_A: return a;
    default: return 1 - a;
    }
}

static double ask(const tfx_fit *f, division q, tfx_interval *interval)
{
    *interval = tfx_fit_interval(f, divide, &q);
    return divide(f->law, f->theta, &q);
}

tfx_optimum tfx_frontier_optimum(const tfx_fit *f, double flops_per_nd, double flops)
{
    tfx_optimum o;
    double product = flops / flops_per_nd;
    o.n = ask(f, (division){product, OF_N}, &o.n_interval);
    o.d = ask(f, (division){product, OF_D}, &o.d_interval);
    o.loss = ask(f, (division){product, OF_LOSS}, &o.loss_interval);
    return o;
}

int tfx_frontier_init(tfx_frontier *r, const tfx_fit *f, const tfx_observations *o)
{
    double log_k = 0, least = INFINITY, most = 0;
    *r = (tfx_frontier){.measured = 1};
    if (!f->law->two_terms)
        return 0;
    for (size_t i = 0; i < o->n; i++) {
        r->measured &= o->items[i].flops > 0;
        log_k += log(o->items[i].flops / (o->items[i].x[0] * o->items[i].x[1])) / (double)o->n;
    }
    r->flops_per_nd = r->measured ? exp(log_k) : USUAL_FLOPS_PER_ND;
    r->a = ask(f, (division){1, OF_A}, &r->a_interval);
    r->b = ask(f, (division){1, OF_B}, &r->b_interval);
    for (size_t i = 0; i < o->n; i++) {
        double flops = r->measured ? o->items[i].flops : r->flops_per_nd * o->items[i].x[0] * o->items[i].x[1];
        least = flops < least ? flops : least;
        most = flops > most ? flops : most;
    }
    for (double e = ceil(log10(least)); e <= log10(most) + 2 && r->n_budgets < TFX_FRONTIER_BUDGETS; e++) {
        double flops = pow(10, e);
        r->budgets[r->n_budgets++] = (tfx_budget){flops, flops > most, tfx_frontier_optimum(f, r->flops_per_nd, flops)};
    }
    return 1;
}
