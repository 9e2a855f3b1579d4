/* Scales: see framework/report/scale.h. */
#include "framework/report/scale.h"

#include <math.h>
#include <stdio.h>

/* Costs that differ by less are meant to be the same. */
#define SAME 1.05

static tfx_scale with_margin(double low, double high, double margin, int is_log)
{
    if (!(high - low > 1e-9 * fabs(high))) { /* a single value lies in the middle */
        low -= is_log ? 0.1 : 0.5;
        high += is_log ? 0.1 : 0.5;
    }
    double room = margin * (high - low);
    return (tfx_scale){low - room, high + room, is_log};
}

void tfx_range_widen(double range[2], double value)
{
    range[0] = fmin(range[0], value);
    range[1] = fmax(range[1], value);
}

tfx_scale tfx_scale_log(double min, double max, double margin)
{
    return with_margin(log10(min), log10(max), margin, 1);
}

tfx_scale tfx_scale_cost(double min, double max, double margin)
{
    double center = sqrt(min * max);
    return max > min * SAME ? tfx_scale_log(min, max, margin) : tfx_scale_log(center / 1.3, center * 1.3, 0);
}

tfx_scale tfx_scale_linear(double min, double max, double margin)
{
    return with_margin(min, max, margin, 0);
}

double tfx_scale_at(const tfx_scale *s, double value)
{
    return ((s->is_log ? log10(value) : value) - s->low) / (s->high - s->low);
}

/* ---- labels ---- */

static void label_count(char *label, size_t size, double value)
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P", "E"};
    size_t unit = 0;
    while (fabs(value) >= 999.9999 && unit + 1 < sizeof(units) / sizeof(*units)) {
        value /= 1000;
        unit++;
    }
    snprintf(label, size, "%.4g%s", value, units[unit]);
}

static void label_power(char *label, size_t size, double value)
{
    int exponent = value > 0 ? (int)floor(log10(value) + 1e-9) : 0;
    double mantissa = value / pow(10, exponent);
    if (value == 0 || (value > 0.009 && value < 1e4))
        snprintf(label, size, "%.4g", value);
    else if (fabs(mantissa - 1) < 1e-9)
        snprintf(label, size, "10<sup>%d</sup>", exponent);
    else
        snprintf(label, size, "%.3g×10<sup>%d</sup>", mantissa, exponent);
}

static void label_seconds(char *label, size_t size, double value)
{
    if (value < 60)
        snprintf(label, size, "%.3g s", value);
    else if (value < 3600)
        snprintf(label, size, "%.3g min", value / 60);
    else if (value < 86400)
        snprintf(label, size, "%.3g h", value / 3600);
    else
        snprintf(label, size, "%.4g d", value / 86400);
}

/* ---- which values ---- */

typedef struct found {
    double values[64];
    size_t n;
} found;

static void add(const tfx_scale *s, double value, found *f)
{
    double at = s->is_log && value <= 0 ? -1 : tfx_scale_at(s, value);
    if (at >= -1e-9 && at <= 1 + 1e-9 && f->n < sizeof(f->values) / sizeof(*f->values))
        f->values[f->n++] = value;
}

/* Multiples of a round step: few of them. */
static void add_steps(const tfx_scale *s, found *f)
{
    double low = s->is_log ? pow(10, s->low) : s->low, high = s->is_log ? pow(10, s->high) : s->high;
    static const double round[] = {1, 2, 2.5, 5, 10};
    double rough = (high - low) / 6, unit = pow(10, floor(log10(rough)));
    int i = 0;
    while (i < 4 && round[i] * unit < rough)
        i++;
    double step = round[i] * unit;
    for (double k = ceil(low / step - 1e-9); k * step <= high * (1 + 1e-12) + step * 1e-9 && f->n < 60; k++)
        add(s, k == 0 ? 0 : k * step, f);
}

/* Powers of ten, times 1 and 3, or 1, 2 and 5 where there is room. */
static void add_powers(const tfx_scale *s, found *f)
{
    double decades = s->high - s->low;
    int every = (int)ceil(decades / 7);
    for (int e = (int)floor(s->low); e <= (int)ceil(s->high); e++) {
        double power = pow(10, e);
        if (e % every)
            continue;
        add(s, power, f);
        if (decades < 2)
            add(s, 2 * power, f);
        if (decades >= 2 && decades < 3.5)
            add(s, 3 * power, f);
        if (decades < 2)
            add(s, 5 * power, f);
    }
}

static void add_times(const tfx_scale *s, found *f)
{
    static const double times[] = {0.1,   0.2,   0.5,    1,      2,      5,       10,      20,     30,
                                   60,    120,   300,    600,    1200,   1800,    3600,    7200,   18000,
                                   36000, 86400, 172800, 432000, 864000, 1728000, 4320000, 8640000};
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
        add(s, times[i], f);
}

/* Of ticks that would touch, every second one stays, as often as it takes. */
static void space_out(const tfx_scale *s, found *f)
{
    for (;;) {
        double least = 1;
        for (size_t i = 1; i < f->n; i++)
            least = fmin(least, tfx_scale_at(s, f->values[i]) - tfx_scale_at(s, f->values[i - 1]));
        if (f->n <= TFX_MAX_TICKS && least >= 0.06)
            return;
        size_t n = 0;
        for (size_t i = 0; i < f->n; i += 2)
            f->values[n++] = f->values[i];
        f->n = n;
    }
}

size_t tfx_scale_ticks(const tfx_scale *s, tfx_tick_kind kind, tfx_tick ticks[TFX_MAX_TICKS])
{
    found f = {.n = 0};
    if (s->is_log && kind == TFX_TICK_SECONDS)
        add_times(s, &f);
    else if (s->is_log && s->high - s->low >= 1)
        add_powers(s, &f);
    if (f.n < 3) {
        f.n = 0;
        add_steps(s, &f);
    }
    space_out(s, &f);
    for (size_t i = 0; i < f.n; i++) {
        char *label = ticks[i].label;
        size_t size = sizeof(ticks[i].label);
        ticks[i].at = tfx_scale_at(s, f.values[i]);
        switch (kind) {
        case TFX_TICK_COUNT: label_count(label, size, f.values[i]); break;
        case TFX_TICK_POWER: label_power(label, size, f.values[i]); break;
        case TFX_TICK_SECONDS: label_seconds(label, size, f.values[i]); break;
        default: snprintf(label, size, "%.6g", f.values[i]);
        }
    }
    return f.n;
}
