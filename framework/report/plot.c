/* Plots: see framework/report/plot.h. */
#include "framework/report/plot.h"

#include <math.h>
#include <string.h>

#define WIDTH 68
#define HEIGHT 18

char tfx_plot_letter(int series)
{
    return (char)(series < 26 ? 'a' + series : series < 52 ? 'A' + series - 26 : '*');
}

static int drawable(const tfx_point *p)
{
    return isfinite(p->x) && p->x > 0 && isfinite(p->y);
}

void tfx_plot(const tfx_point *points, size_t n, const char *x_name, FILE *out)
{
    double x0 = INFINITY, x1 = -INFINITY, y0 = INFINITY, y1 = -INFINITY;
    char grid[HEIGHT][WIDTH + 1];
    for (size_t i = 0; i < n; i++) {
        if (!drawable(&points[i]))
            continue;
        x0 = fmin(x0, log(points[i].x));
        x1 = fmax(x1, log(points[i].x));
        y0 = fmin(y0, points[i].y);
        y1 = fmax(y1, points[i].y);
    }
    if (!isfinite(x0))
        return;
    for (int r = 0; r < HEIGHT; r++) {
        memset(grid[r], ' ', WIDTH);
        grid[r][WIDTH] = '\0';
    }
    for (size_t i = 0; i < n; i++) {
        if (!drawable(&points[i]))
            continue;
        double fx = x1 > x0 ? (log(points[i].x) - x0) / (x1 - x0) : 0.5;
        double fy = y1 > y0 ? (y1 - points[i].y) / (y1 - y0) : 0.5;
        grid[lround(fy * (HEIGHT - 1))][lround(fx * (WIDTH - 1))] = tfx_plot_letter(points[i].series);
    }
    for (int r = 0; r < HEIGHT; r++) {
        int end = WIDTH;
        while (end > 0 && grid[r][end - 1] == ' ')
            grid[r][--end] = '\0';
        if (r == 0 || r == HEIGHT - 1)
            fprintf(out, "%9.4f |%s\n", r == 0 ? y1 : y0, grid[r]);
        else
            fprintf(out, "%9s |%s\n", r == HEIGHT / 2 ? "val loss" : "", grid[r]);
    }
    fprintf(out, "%9s +", "");
    for (int i = 0; i < WIDTH; i++)
        fputc('-', out);
    char left[40], right[40];
    snprintf(left, sizeof(left), "%.3g", exp(x0));
    snprintf(right, sizeof(right), "%.3g", exp(x1));
    int pad = WIDTH - (int)(strlen(left) + strlen(right) + strlen(x_name));
    fprintf(out, "\n%11s%s%*s%s%*s%s\n", "", left, pad / 2, "", x_name, pad - pad / 2, "", right);
}
