/* Bar line: one line of a progress display, made to fit a width. */
#ifndef TFX_TRAIN_BAR_LINE_H
#define TFX_TRAIN_BAR_LINE_H

#include "framework/base/text.h"

#define TFX_BAR_TEXTS 6

/* All texts are ASCII without control characters: bytes are columns. */
typedef struct tfx_bar_line {
    const char *label;
    size_t label_width; /* columns for it: the same in all lines, so that the bars stand below each other */
    double share;       /* of the bar that is full, 0 to 1; negative: there is no bar */
    struct {
        const char *text; /* NULL: none */
        int rank;         /* where there is little room, those of high rank go first */
    } texts[TFX_BAR_TEXTS];
} tfx_bar_line;

typedef struct tfx_bar_style {
    int unicode, colour;
} tfx_bar_style;

/* How wide the labels of lines may be whose longest one has so many columns. */
size_t tfx_bar_label_width(size_t longest, size_t width);

/* Appends the line, without its end, in at most `width` columns: texts go, then the bar, and a label that is too long
 * loses its middle. */
void tfx_bar_line_add(tfx_text *out, const tfx_bar_line *line, size_t width, const tfx_bar_style *style);

#endif
