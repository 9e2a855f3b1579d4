/* Laws: the forms that a loss is fitted by, each a formula of one or two quantities.
 *
 * A fit works in u = log x - centre: exponents and scales hardly depend on each other there, while A and alpha of
 * A / N^alpha do, by twenty orders of magnitude in N. What it changes, theta, is logarithms of scales, and exponents.
 * With all centres 0 theta belongs to the formula as it is printed. */
#ifndef TFX_ANALYSIS_LAW_H
#define TFX_ANALYSIS_LAW_H

#include <stddef.h>

#include "framework/base/error.h"

#define TFX_LAW_COEFFICIENTS 5 /* at most */
#define TFX_LAW_VARIABLES 2

typedef struct tfx_variable {
    const char *symbol; /* "N" */
    const char *column; /* of a CSV file: "params" */
    const char *alias;  /* another name that such a column has; NULL: none */
    const char *meaning;
    int least_values; /* so many different ones tell its coefficients apart */
} tfx_variable;

typedef struct tfx_coefficient {
    const char *name;
    int is_scale; /* positive, and any power of ten; otherwise an exponent */
} tfx_coefficient;

/* scale1 x1^-exponent1 + scale2 x2^-exponent2, the part of a law that a budget is divided by. */
typedef struct tfx_two_terms {
    double log_scale[2], exponent[2];
} tfx_two_terms;

typedef struct tfx_law {
    const char *name, *formula, *source;
    size_t n_variables, n_coefficients, n_starts;
    tfx_variable variables[TFX_LAW_VARIABLES];
    tfx_coefficient coefficients[TFX_LAW_COEFFICIENTS];
    /* log L at u [n_variables], and its derivatives by theta, unless gradient is NULL. */
    double (*predict)(const double *theta, const double *u, double *gradient);
    /* The same law for centres that are higher by `shift` [n_variables]. */
    void (*move)(double *theta, const double *shift);
    /* Start i of the grid, for these centres; `log_loss` is the mean one of the data. */
    void (*start)(size_t i, const double *centre, double log_loss, double *theta);
    /* The coefficients as the formula has them; theta is of centres 0. Infinite where a double can not hold it. */
    void (*values)(const double *theta, double *values);
    /* Of centres 0. NULL: not a law of N and D, so that no budget is divided by it. */
    tfx_two_terms (*two_terms)(const double *theta);
} tfx_law;

/* NULL with a message that has the nearest name. */
const tfx_law *tfx_law_find(const char *name, tfx_error *err);
extern const tfx_law *const tfx_laws[];
extern const size_t tfx_n_laws;

/* L at x [n_variables]; theta is of centres 0. */
double tfx_law_loss(const tfx_law *law, const double *theta, const double *x);

#endif
