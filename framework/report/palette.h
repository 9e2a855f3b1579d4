/* Palette: the colours of arms, in reports and in figures for papers, to be told apart with any colour vision. Arms
 * beyond the eighth have the same colours with dashed lines. */
#ifndef TFX_REPORT_PALETTE_H
#define TFX_REPORT_PALETTE_H

#include <stddef.h>

typedef struct tfx_line_style {
    const char *light, *dark; /* "#rrggbb", on a light and on a dark ground */
    const char *dashes;       /* "6 3": lengths of line and gap; "": none */
    int round;                /* how often all colours were used up before, for marks of other shapes */
} tfx_line_style;

/* Of the i-th arm of an experiment. */
tfx_line_style tfx_palette(size_t i);

#endif
