/* Scales: where on an axis a value lies, and the round values at which the axis is labelled. */
#ifndef TFX_REPORT_SCALE_H
#define TFX_REPORT_SCALE_H

#include <stddef.h>

typedef struct tfx_scale {
    double low, high; /* what the axis spans; of a logarithmic one, decimal logarithms */
    int is_log;
} tfx_scale;

/* Makes a range hold a value. */
void tfx_range_widen(double range[2], double value);

/* Spans [min, max] and `margin` of its length at both ends. For a logarithmic one both are above 0. */
tfx_scale tfx_scale_log(double min, double max, double margin);
/* The same for costs, of which some are equal but for a step: those are not spread over the axis. */
tfx_scale tfx_scale_cost(double min, double max, double margin);
tfx_scale tfx_scale_linear(double min, double max, double margin);
/* 0 at the lower end, 1 at the upper one. */
double tfx_scale_at(const tfx_scale *s, double value);

typedef enum tfx_tick_kind {
    TFX_TICK_NUMBER = 0, /* 2.5 */
    TFX_TICK_COUNT,      /* 200k */
    TFX_TICK_POWER,      /* 2×10^12, as HTML */
    TFX_TICK_SECONDS     /* 30 s, 5 min */
} tfx_tick_kind;

typedef struct tfx_tick {
    double at;      /* tfx_scale_at */
    char label[64]; /* HTML */
} tfx_tick;

/* At most TFX_MAX_TICKS of them, from the lower end up. */
#define TFX_MAX_TICKS 9
size_t tfx_scale_ticks(const tfx_scale *s, tfx_tick_kind kind, tfx_tick ticks[TFX_MAX_TICKS]);

#endif
