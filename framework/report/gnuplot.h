/* Gnuplot: runs the program on a script and hands back what it drew. */
#ifndef TFX_REPORT_GNUPLOT_H
#define TFX_REPORT_GNUPLOT_H

#include <stddef.h>
#include <stdio.h>

#include "framework/base/error.h"

typedef enum tfx_figure_format { TFX_FIGURE_SVG = 0, TFX_FIGURE_PDF, TFX_FIGURE_PNG } tfx_figure_format;
/* By the end of a path's name: ".svg", ".pdf" or ".png". */
tfx_status tfx_figure_format_of(const char *path, tfx_figure_format *out, tfx_error *err);

/* The line that makes figures of this format and size, in inches. */
void tfx_gnuplot_terminal(FILE *script, tfx_figure_format format, double width, double height);
/* A string in the script: whatever it holds, gnuplot takes nothing of it for its own. */
void tfx_gnuplot_string(FILE *script, const char *text);

/* What the script draws: n bytes on the heap, the same for the same script. gnuplot is looked for in $PATH. */
tfx_status tfx_gnuplot_run(const char *script, size_t script_size, char **bytes, size_t *n, tfx_error *err);

#endif
