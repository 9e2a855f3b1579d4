#include "framework/train/bar_line.h"

#include <math.h>
#include <string.h>

#define MIN_BAR 5
#define MAX_BAR 30
#define GAP 2 /* columns between the parts of a line */

size_t tfx_bar_label_width(size_t longest, size_t width)
{
    size_t most = width * 2 / 5;
    return longest < most ? longest : most;
}

/* The beginning and the end of a name tell more than its middle: "transformer seed 1". */
static void add_label(tfx_text *out, const char *label, size_t columns)
{
    size_t n = strlen(label);
    if (n <= columns)
        tfx_text_add(out, "%-*s", (int)columns, label);
    else if (columns < 4)
        tfx_text_add(out, "%.*s", (int)columns, label);
    else
        tfx_text_add(out, "%.*s~%s", (int)(columns / 2), label, label + n - (columns - columns / 2 - 1));
}

static void add_bar(tfx_text *out, double share, size_t columns, const tfx_bar_style *style)
{
    size_t full = (size_t)(fmax(0, fmin(1, share)) * (double)columns);
    if (style->colour)
        tfx_text_add(out, "\033[32m");
    for (size_t i = 0; i < columns; i++) {
        if (i == full && style->colour)
            tfx_text_add(out, "\033[0;2m");
        tfx_text_add(out, "%s", style->unicode ? i < full ? "█" : "░" : i < full ? "#" : ".");
    }
    if (style->colour)
        tfx_text_add(out, "\033[0m");
}

/* Columns of the label and of the texts up to this rank. */
static size_t columns_of(const tfx_bar_line *line, int rank)
{
    size_t columns = line->label_width;
    for (size_t i = 0; i < TFX_BAR_TEXTS; i++)
        if (line->texts[i].text && line->texts[i].rank <= rank)
            columns += GAP + strlen(line->texts[i].text);
    return columns;
}

void tfx_bar_line_add(tfx_text *out, const tfx_bar_line *line, size_t width, const tfx_bar_style *style)
{
    size_t least = line->share < 0 ? 0 : GAP + MIN_BAR;
    int rank = 0;
    for (size_t i = 0; i < TFX_BAR_TEXTS; i++)
        rank = line->texts[i].text && line->texts[i].rank > rank ? line->texts[i].rank : rank;
    while (rank >= 0 && columns_of(line, rank) + least > width)
        rank--;
    size_t columns = columns_of(line, rank), bar = width > columns + GAP ? width - columns - GAP : 0;
    add_label(out, line->label, line->label_width < width ? line->label_width : width);
    if (line->share >= 0 && bar >= MIN_BAR) {
        tfx_text_add(out, "%*s", GAP, "");
        add_bar(out, line->share, bar < MAX_BAR ? bar : MAX_BAR, style);
    }
    for (size_t i = 0; i < TFX_BAR_TEXTS; i++)
        if (line->texts[i].text && line->texts[i].rank <= rank)
            tfx_text_add(out, "%*s%s", GAP, "", line->texts[i].text);
}
