/* Parts of scripts: see framework/report/paper_script.h. */
#include "framework/report/paper_script.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/report/palette.h"

/* Inches. */
#define WIDTH 3.3 /* a column */
#define LEFT 0.52
#define RIGHT 0.1
#define TOP 0.08
#define AXIS 0.38 /* below a panel */
#define KEY_ROW 0.13
#define ONE_PANEL 1.8
#define OF_SEVERAL 1.2
#define LETTER 0.052 /* in the mean */

/* Names of which two stand beside each other. */
#define SHORT_NAME 21
#define LONGEST_NAME 46
#define LONGEST_ROW 30 /* beside a panel */

/* gnuplot's numbers of points: a disc, a square, triangles. */
static const int points[] = {7, 5, 9, 11};

static double left(const tfx_paper *p)
{
    return LEFT + LETTER * (double)p->n_letters;
}

static double panel_height(const tfx_paper *p)
{
    return p->n_rows ? KEY_ROW * ((double)p->n_rows + 0.4) : p->n_panels > 1 ? OF_SEVERAL : ONE_PANEL;
}

/* Dashes as gnuplot has them: (line, gap, ...). */
static void print_dashes(FILE *out, const char *dashes)
{
    fputs(" dt ", out);
    if (!*dashes) {
        fputc('1', out);
        return;
    }
    fputc('(', out);
    for (const char *c = dashes; *c; c++)
        fputc(*c == ' ' ? ',' : *c, out);
    fputc(')', out);
}

/* How lines of a mark look, all but their width. */
static void print_line_style(FILE *out, size_t number, tfx_paper_mark mark)
{
    static const char *const of_laws[] = {"", "6 3", "2 3"};
    tfx_line_style style = tfx_palette(number);
    if (mark == TFX_PAPER_LAW)
        fputs(" lc rgb '#404040'", out);
    else
        fprintf(out, " lc rgb '#%s%s'", mark == TFX_PAPER_SEED ? "a0" : "", style.light + 1); /* a0: how transparent */
    print_dashes(out, mark == TFX_PAPER_LAW ? of_laws[number % 3] : style.dashes);
}

/* With dots in the place of what is too much; heap. */
static char *cut_name(const char *name, size_t most)
{
    size_t length = most;
    if (strlen(name) <= most)
        return tfx_strdup(name);
    while (length && ((unsigned char)name[length] & 0xc0) == 0x80)
        length--; /* between two letters */
    return tfx_printf("%.*s...", (int)length, name);
}

/* x and y are where the entry begins, from the lower left corner. gnuplot's own legends have no more rows than fit
 * into the panel. */
static void print_key(tfx_paper *p, const tfx_paper_key *key, size_t number, double x, double y)
{
    tfx_line_style style = tfx_palette(key->number);
    const char *name = key->name;
    if (key->mark == TFX_PAPER_DOT)
        fprintf(p->script, "set label '' at screen %.4f,%.4f point pt %d ps 0.5 lc rgb '%s'\n", (x + 0.1) / WIDTH,
                y / p->height, points[style.round % 4], style.light);
    else {
        /* By a style: without one, gnuplot's SVG has lines that differ in nothing but dashes all alike. */
        fprintf(p->script, "set style line %zu lw %s", number, key->mark == TFX_PAPER_LAW ? "1" : "1.4");
        print_line_style(p->script, key->number, key->mark);
        fprintf(p->script, "\nset arrow from screen %.4f,%.4f to screen %.4f,%.4f nohead ls %zu\n", x / WIDTH,
                y / p->height, (x + 0.2) / WIDTH, y / p->height, number);
    }
    char *cut = cut_name(name, LONGEST_NAME);
    fputs("set label ", p->script);
    tfx_gnuplot_string(p->script, cut);
    fprintf(p->script, " at screen %.4f,%.4f left noenhanced\n", (x + 0.26) / WIDTH, y / p->height);
    free(cut);
}

void tfx_paper_begin(tfx_paper *p, int n_panels, const tfx_paper_key *keys, size_t n)
{
    size_t longest = 0;
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(keys[i].name);
        longest = length > longest ? length : longest;
    }
    size_t n_columns = longest <= SHORT_NAME && n > 1 ? 2 : 1, n_rows = (n + n_columns - 1) / n_columns;
    p->n_panels = n_panels;
    p->height = TOP + n_panels * (panel_height(p) + AXIS) + KEY_ROW * ((double)n_rows + 0.3);
    tfx_gnuplot_terminal(p->script, p->format, WIDTH, p->height);
    fputs("set border 3 lw 0.6 lc rgb '#404040'\n"
          "set tics nomirror out scale 0.5 textcolor rgb '#202020'\n"
          "set grid lt 1 lw 0.4 lc rgb '#e4e4e4'\n"
          "unset key\n",
          p->script);
    for (size_t i = 0; i < n; i++)
        print_key(p, &keys[i], i + 1, 0.1 + WIDTH / 2 * (double)(i / n_rows),
                  KEY_ROW * ((double)(n_rows - i % n_rows) - 0.3));
    if (n_panels > 1)
        fputs("set multiplot\n", p->script);
}

void tfx_paper_begin_groups(tfx_paper *p, int n_panels, const char *shown)
{
    tfx_paper_key *keys = NULL;
    size_t n = 0, cap = 0;
    for (size_t g = 0; g < p->curves.n_groups; g++)
        if (shown[g])
            *TFX_APPEND(keys, n, cap) = (tfx_paper_key){p->curves.groups[g], g, TFX_PAPER_MEAN};
    tfx_paper_begin(p, n_panels, keys, n);
    free(keys);
}

void tfx_paper_panel(tfx_paper *p, int panel)
{
    double top = p->height - TOP - panel * (panel_height(p) + AXIS);
    fprintf(p->script,
            "set lmargin at screen %.4f\nset rmargin at screen %.4f\nset tmargin at screen %.4f\nset bmargin at screen "
            "%.4f\n",
            left(p) / WIDTH, 1 - RIGHT / WIDTH, top / p->height, (top - panel_height(p)) / p->height);
}

/* Labels are HTML; gnuplot writes a power in braces. */
static void print_label(FILE *out, const char *html)
{
    static const char *const from[] = {"<sup>", "</sup>"}, *const to[] = {"^{", "}"};
    for (const char *c = html; *c;) {
        int i = !strncmp(c, from[0], strlen(from[0])) ? 0 : !strncmp(c, from[1], strlen(from[1])) ? 1 : -1;
        if (i >= 0) {
            fputs(to[i], out);
            c += strlen(from[i]);
        } else
            fputc(*c++, out);
    }
}

/* Letters of a label as they are seen: those of a power are small. */
static double letters(const char *html)
{
    double n = 0, each = 1;
    for (const char *c = html; *c; c++) {
        if (*c == '<') {
            each = c[1] == '/' ? 1 : 0.7;
            c = strchr(c, '>');
        } else if (((unsigned char)*c & 0xc0) != 0x80)
            n += each;
    }
    return n;
}

/* Every which tick has a label, so that those below each other's axis do not touch. */
static size_t labels_apart(const tfx_paper *p, const tfx_tick *ticks, size_t n)
{
    size_t every = 1;
    for (int fine = 0; !fine; every += !fine) {
        fine = 1;
        for (size_t i = every; i < n; i += every)
            fine &= (ticks[i].at - ticks[i - every].at) * (WIDTH - left(p) - RIGHT) >=
                    LETTER * (1.5 + (letters(ticks[i].label) + letters(ticks[i - every].label)) / 2);
    }
    return every;
}

void tfx_paper_axis(tfx_paper *p, const char *axis, const tfx_scale *scale, tfx_tick_kind kind, const char *label)
{
    tfx_tick ticks[TFX_MAX_TICKS];
    int is_x = axis[0] == 'x';
    size_t n = tfx_scale_ticks(scale, kind, ticks), every = is_x ? labels_apart(p, ticks, n) : n > 6 ? 2 : 1;
    fprintf(p->script, "%s logscale %s\n", scale->is_log ? "set" : "unset", axis);
    fprintf(p->script, "set %srange [%.17g:%.17g]\nset %stics (", axis,
            scale->is_log ? pow(10, scale->low) : scale->low, scale->is_log ? pow(10, scale->high) : scale->high, axis);
    /* The last may have no room before the figure ends. */
    if (is_x && n &&
        (1 - ticks[n - 1].at) * (WIDTH - left(p) - RIGHT) + RIGHT < LETTER * letters(ticks[n - 1].label) / 2)
        n--;
    for (size_t i = 0; i < n; i += every) {
        double at = scale->low + ticks[i].at * (scale->high - scale->low);
        fprintf(p->script, "%s'", i ? ", " : "");
        print_label(p->script, ticks[i].label);
        fprintf(p->script, "' %.17g", scale->is_log ? pow(10, at) : at);
    }
    fprintf(p->script, ")%s\nset %slabel '%s' offset %s\n", is_x ? " offset 0,0.3" : " offset 0.5,0", axis, label,
            is_x ? "0,0.7" : "1.4,0");
}

void tfx_paper_rows(tfx_paper *p, const char *const *names, size_t n)
{
    fprintf(p->script, "unset logscale y\nset yrange [-0.7:%.1f]\nunset ylabel\nset ytics (", (double)n - 0.3);
    for (size_t i = 0; i < n; i++) {
        char *cut = cut_name(names[i], LONGEST_ROW);
        fputs(i ? ", " : "", p->script);
        tfx_gnuplot_string(p->script, cut);
        fprintf(p->script, " %zu", n - 1 - i);
        free(cut);
    }
    fputs(") noenhanced offset 0.5,0\n", p->script);
}

void tfx_paper_begin_rows(tfx_paper *p, const char *const *names, size_t n)
{
    size_t longest = 0;
    for (size_t i = 0; i < n; i++)
        longest = strlen(names[i]) > longest ? strlen(names[i]) : longest;
    p->n_rows = n;
    p->n_letters = longest < LONGEST_ROW ? longest : LONGEST_ROW;
    tfx_paper_begin(p, 1, NULL, 0);
    tfx_paper_panel(p, 0);
}

size_t tfx_paper_data(tfx_paper *p)
{
    fprintf(p->script, "$d%zu << END\n", p->n_blocks);
    return p->n_blocks++;
}

void tfx_paper_data_end(tfx_paper *p)
{
    fputs("END\n", p->script);
}

void tfx_paper_line(tfx_paper *p, size_t block, size_t number, tfx_paper_mark mark)
{
    tfx_line_style style = tfx_palette(number);
    fprintf(p->script, "%s $d%zu using 1:2 ", p->n_lines++ ? ", \\\n" : "plot", block);
    switch (mark) {
    case TFX_PAPER_MEAN: fputs("with lines lw 1.4", p->script); break;
    case TFX_PAPER_SEED: fputs("with lines lw 0.7", p->script); break;
    case TFX_PAPER_LAW: fputs("with lines lw 1", p->script); break;
    case TFX_PAPER_DOT:
        fprintf(p->script, "with points pt %d ps 0.5 lc rgb '%s'", points[style.round % 4], style.light);
        return;
    case TFX_PAPER_RING: fprintf(p->script, "with points pt 6 ps 0.6 lw 1.2 lc rgb '%s'", style.light); return;
    }
    print_line_style(p->script, number, mark);
}

void tfx_paper_band(tfx_paper *p, size_t block)
{
    fprintf(p->script, "%s $d%zu using 1:3:4 with filledcurves fc rgb '#dd404040' fs noborder notitle",
            p->n_lines++ ? ", \\\n" : "plot", block);
}

void tfx_paper_plot_end(tfx_paper *p)
{
    fputc('\n', p->script);
    p->n_lines = 0;
}
