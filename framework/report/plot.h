/* Plots: points as letters on a grid of characters, for a look at a curve in a terminal. */
#ifndef TFX_REPORT_PLOT_H
#define TFX_REPORT_PLOT_H

#include <stddef.h>
#include <stdio.h>

typedef struct tfx_point {
    double x, y;
    int series; /* drawn as the letter 'a' + series, then 'A' + ..., then '*' */
} tfx_point;

char tfx_plot_letter(int series);

/* Draws the points with finite y and x > 0, x on a logarithmic axis; `x_name` labels it. Draws nothing
 * when there are none. */
void tfx_plot(const tfx_point *points, size_t n, const char *x_name, FILE *out);

#endif
