/* Forecasts: see framework/analysis/forecast.h. */
#include "framework/analysis/forecast.h"

#include <string.h>
#include <strings.h>

#include "framework/analysis/csv_table.h"
#include "framework/base/memory.h"
#include "framework/base/suggest.h"

/* One "N=1.4G" of [s, s + n). */
static tfx_status read_value(const tfx_law *law, const char *s, size_t n, const char *option, double *x, tfx_error *err)
{
    char *item = tfx_strndup(s, n), *equals = strchr(item, '=');
    size_t k = 0;
    if (equals)
        *equals++ = 0;
    while (k < law->n_variables && strcasecmp(item, law->variables[k].symbol) != 0)
        k++;
    if (!equals)
        tfx_fail(err, TFX_E_INVALID, "%s: expected NAME=VALUE, found '%s'", option, item);
    else if (k == law->n_variables) {
        tfx_suggest known = {.name = item};
        for (size_t i = 0; i < law->n_variables; i++)
            tfx_suggest_add(&known, "%s", law->variables[i].symbol);
        tfx_fail(err, TFX_E_INVALID, "%s: the form %s has no %s", option, law->name, item);
        tfx_suggest_end(&known, NULL, err);
    } else if (x[k] > 0)
        tfx_fail(err, TFX_E_INVALID, "%s: %s is there twice", option, law->variables[k].symbol);
    else if (!tfx_csv_positive(equals, &x[k]))
        tfx_fail(err, TFX_E_INVALID, "%s: %s: expected a number above 0, such as 124M or 1.24e8, found '%s'", option,
                 law->variables[k].symbol, equals);
    free(item);
    return err->status;
}

tfx_status tfx_forecast_read(const tfx_law *law, const char *text, const char *option, double *x, tfx_error *err)
{
    static const char separators[] = ", ";
    memset(x, 0, TFX_LAW_VARIABLES * sizeof(*x));
    for (const char *s = text + strspn(text, separators); *s && err->status == TFX_OK;) {
        size_t n = strcspn(s, separators);
        read_value(law, s, n, option, x, err);
        s += n + strspn(s + n, separators);
    }
    for (size_t k = 0; k < law->n_variables && err->status == TFX_OK; k++)
        if (!(x[k] > 0))
            tfx_fail(err, TFX_E_INVALID, "%s: expected %s=VALUE (%s), found '%s'", option, law->variables[k].symbol,
                     law->variables[k].meaning, text);
    return err->status;
}

static double loss(const tfx_law *law, const double *theta, const void *x)
{
    return tfx_law_loss(law, theta, x);
}

void tfx_forecast_make(tfx_forecast *f, const tfx_fit *fit)
{
    f->loss = loss(fit->law, fit->theta, f->x);
    f->interval = tfx_fit_interval(fit, loss, f->x);
}

double tfx_forecast_beyond(const tfx_fit *f, const double *x, size_t variable)
{
    double here = x[variable], least = f->least[variable], most = f->most[variable];
    return here > most ? here / most : here < least ? least / here : 1;
}
