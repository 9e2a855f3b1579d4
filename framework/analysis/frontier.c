/* Frontier: see framework/analysis/frontier.h. */
#include "framework/analysis/frontier.h"

#include <math.h>

typedef struct division {
    tfx_token_cost cost;
    double flops;
    enum { OF_N, OF_D, OF_LOSS, OF_A, OF_B } what;
} division;

/* How much steeper, in logarithms, the term of N falls at log N = u than that of D rises when N takes FLOPs from it. */
static double pull(const tfx_two_terms *t, const division *q, double u)
{
    double c = tfx_token_cost_at(&q->cost, exp(u)), log_d = log(q->flops / c);
    return log(t->exponent[0]) + t->log_scale[0] - t->exponent[0] * u -
           (log(t->exponent[1]) + t->log_scale[1] - t->exponent[1] * log_d) - log(q->cost.per_parameter) - u + log(c);
}

/* log N where neither pulls. It falls with N throughout, by between alpha + min(1, beta) and alpha + max(1, beta) for each
 * unit of u: the root is between those of two straight lines. */
static double best_log_n(const tfx_two_terms *t, const division *q)
{
    double alpha = t->exponent[0], beta = t->exponent[1];
    double log_g = (log(alpha / beta) + t->log_scale[0] - t->log_scale[1]) / (alpha + beta);
    double u = log_g + beta / (alpha + beta) * log(q->flops / q->cost.per_parameter);
    if (q->cost.fixed == 0)
        return u;
    double at = pull(t, q, u), gentle = alpha + fmin(1, beta), steep = alpha + fmax(1, beta);
    double low = u + fmin(at / gentle, at / steep), high = u + fmax(at / gentle, at / steep);
    for (int i = 0; i < 100 && low < high; i++) {
        u = low + (high - low) / 2;
        if (u <= low || u >= high)
            break;
        *(pull(t, q, u) > 0 ? &low : &high) = u;
    }
    return u;
}

static double divide(const tfx_law *law, const double *theta, const void *ctx)
{
    const division *q = ctx;
    tfx_two_terms t = law->two_terms(theta);
    double alpha = t.exponent[0], beta = t.exponent[1], a = beta / (alpha + beta);
    if (!(alpha > 0 && beta > 0))
        return NAN;
    if (q->what == OF_A || q->what == OF_B)
        return q->what == OF_A ? a : 1 - a;
    double log_n = best_log_n(&t, q), d = q->flops / tfx_token_cost_at(&q->cost, exp(log_n));
    if (q->what == OF_LOSS)
        return exp(law->predict(theta, (double[]){log_n, log(d)}, NULL));
    return q->what == OF_N ? exp(log_n) : d;
}

static double ask(const tfx_fit *f, division q, tfx_interval *interval)
{
    *interval = tfx_fit_interval(f, divide, &q);
    return divide(f->law, f->theta, &q);
}

tfx_optimum tfx_frontier_optimum(const tfx_fit *f, double flops)
{
    tfx_optimum o;
    o.n = ask(f, (division){f->cost, flops, OF_N}, &o.n_interval);
    o.d = ask(f, (division){f->cost, flops, OF_D}, &o.d_interval);
    o.loss = ask(f, (division){f->cost, flops, OF_LOSS}, &o.loss_interval);
    return o;
}

int tfx_frontier_init(tfx_frontier *r, const tfx_fit *f, const tfx_observations *o)
{
    double least = INFINITY, most = 0;
    *r = (tfx_frontier){.cost = f->cost};
    if (!f->law->two_terms)
        return 0;
    r->a = ask(f, (division){.what = OF_A}, &r->a_interval);
    r->b = ask(f, (division){.what = OF_B}, &r->b_interval);
    for (size_t i = 0; i < o->n; i++) {
        const tfx_observation *p = &o->items[i];
        double flops = f->cost.measured ? p->flops : tfx_token_cost_at(&f->cost, p->x[0]) * p->x[1];
        least = flops < least ? flops : least;
        most = flops > most ? flops : most;
    }
    for (double e = ceil(log10(least)); e <= log10(most) + 2 && r->n_budgets < TFX_FRONTIER_BUDGETS; e++) {
        double flops = pow(10, e);
        r->budgets[r->n_budgets++] = (tfx_budget){flops, flops > most, tfx_frontier_optimum(f, flops)};
    }
    return 1;
}
