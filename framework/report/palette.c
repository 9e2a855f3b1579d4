#include "framework/report/palette.h"

/* Hues after Okabe and Ito (2008), "Color Universal Design", with the lightness that thin lines need: their yellow
 * cannot be seen on white, nor their black on black. */
static const struct {
    const char *light, *dark;
} colours[] = {
    {"#0068a8", "#5ab4f0"}, /* blue */
    {"#cc4c02", "#ff8a4c"}, /* vermilion */
    {"#00875f", "#2fc79a"}, /* green */
    {"#b0468c", "#ea94c8"}, /* purple */
    {"#b58100", "#f0bd3c"}, /* amber */
    {"#3a9fd6", "#a5dcff"}, /* sky */
    {"#7a2048", "#d8688f"}, /* wine */
    {"#5f6368", "#b4b8be"}, /* grey */
};
static const char *const dashes[] = {"", "6 3", "2 3", "9 3 2 3"};

#define N_COLOURS (sizeof(colours) / sizeof(*colours))
#define N_DASHES (sizeof(dashes) / sizeof(*dashes))

tfx_line_style tfx_palette(size_t i)
{
    return (tfx_line_style){colours[i % N_COLOURS].light, colours[i % N_COLOURS].dark, dashes[i / N_COLOURS % N_DASHES],
                            (int)(i / N_COLOURS)};
}
