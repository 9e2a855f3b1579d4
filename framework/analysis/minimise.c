/* Minimise: see framework/analysis/minimise.h. */
#include "framework/analysis/minimise.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_multimin.h>
#include <gsl/gsl_multiroots.h>
#include <pthread.h>
#include <string.h>

typedef struct problem {
    tfx_objective objective;
    void *ctx;
} problem;

/* An error of GSL would end the process; that a search can make no progress is how it ends near a minimum. */
static void keep_going(void)
{
    gsl_set_error_handler_off();
}

static void prepare(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, keep_going);
}

static double value_alone(const gsl_vector *theta, void *params)
{
    const problem *p = params;
    return p->objective(p->ctx, theta->data, NULL);
}

static void value_and_gradient(const gsl_vector *theta, void *params, double *value, gsl_vector *gradient)
{
    const problem *p = params;
    *value = p->objective(p->ctx, theta->data, gradient->data);
}

static void gradient_alone(const gsl_vector *theta, void *params, gsl_vector *gradient)
{
    double value;
    value_and_gradient(theta, params, &value, gradient);
}

static int gradient_as_system(const gsl_vector *theta, void *params, gsl_vector *gradient)
{
    gradient_alone(theta, params, gradient);
    return GSL_SUCCESS;
}

double tfx_minimise(tfx_objective objective, void *ctx, size_t n, double *theta, double tolerance, size_t most)
{
    prepare();
    problem p = {objective, ctx};
    gsl_multimin_function_fdf f = {value_alone, gradient_alone, value_and_gradient, n, &p};
    gsl_vector_view start = gsl_vector_view_array(theta, n);
    gsl_multimin_fdfminimizer *m = gsl_multimin_fdfminimizer_alloc(gsl_multimin_fdfminimizer_vector_bfgs2, n);
    gsl_multimin_fdfminimizer_set(m, &f, &start.vector, 0.1, 0.1); /* first step; accuracy of the line search */
    for (size_t i = 0; i < most && gsl_blas_dnrm2(gsl_multimin_fdfminimizer_gradient(m)) >= tolerance; i++)
        if (gsl_multimin_fdfminimizer_iterate(m) != GSL_SUCCESS)
            break;
    double value = gsl_multimin_fdfminimizer_minimum(m);
    memcpy(theta, gsl_multimin_fdfminimizer_x(m)->data, n * sizeof(*theta));
    gsl_multimin_fdfminimizer_free(m);
    return value;
}

double tfx_minimise_exactly(tfx_objective objective, void *ctx, size_t n, double *theta)
{
    prepare();
    problem p = {objective, ctx};
    double value = objective(ctx, theta, NULL);
    gsl_multiroot_function f = {gradient_as_system, n, &p};
    gsl_vector_view start = gsl_vector_view_array(theta, n);
    gsl_multiroot_fsolver *s = gsl_multiroot_fsolver_alloc(gsl_multiroot_fsolver_hybrids, n);
    if (gsl_multiroot_fsolver_set(s, &f, &start.vector) == GSL_SUCCESS) {
        for (int i = 0; i < 100 && gsl_multiroot_fsolver_iterate(s) == GSL_SUCCESS; i++)
            if (gsl_multiroot_test_residual(s->f, 1e-13) == GSL_SUCCESS)
                break;
        double found = objective(ctx, s->x->data, NULL);
        if (found <= value * (1 + 1e-12)) {
            memcpy(theta, s->x->data, n * sizeof(*theta));
            value = found;
        }
    }
    gsl_multiroot_fsolver_free(s);
    return value;
}
