/* Parts of the scripts of framework/report/paper.c. */
#ifndef TFX_REPORT_PAPER_SCRIPT_H
#define TFX_REPORT_PAPER_SCRIPT_H

#include <stdio.h>

#include "framework/report/gnuplot.h"
#include "framework/report/loss_curves.h"
#include "framework/report/scale.h"
#include "framework/store/rows.h"

typedef struct tfx_paper {
    tfx_store *store;
    tfx_id experiment;
    tfx_loss_curves curves;
    FILE *script;
    tfx_figure_format format;
    double height; /* inches */
    int n_panels;  /* one below the other */
    size_t n_rows; /* of a panel with names, of n_letters at most, in the place of the y axis; 0: it has an axis */
    size_t n_letters;
    size_t n_blocks; /* of data */
    size_t n_lines;  /* of the plot command */
} tfx_paper;

typedef enum tfx_paper_mark {
    TFX_PAPER_MEAN = 0, /* a strong line */
    TFX_PAPER_SEED,     /* a faint one */
    TFX_PAPER_DOT,
    TFX_PAPER_RING,
    TFX_PAPER_LAW /* a grey line; laws are numbered apart from arms, and differ by their dashes */
} tfx_paper_mark;

/* One entry of a legend. */
typedef struct tfx_paper_key {
    const char *name;
    size_t number; /* of the group of arms, which decides the colour, or of the law */
    tfx_paper_mark mark;
} tfx_paper_key;

/* Terminal, borders and fonts; the legend stands below the panels. */
void tfx_paper_begin(tfx_paper *p, int n_panels, const tfx_paper_key *keys, size_t n_keys);
/* The same with a legend of lines, of each group of arms that has a flag. */
void tfx_paper_begin_groups(tfx_paper *p, int n_panels, const char *shown);
/* In the place of both: one panel with a row for each name, from the top, at n - 1, n - 2, ..., 0. */
void tfx_paper_begin_rows(tfx_paper *p, const char *const *names, size_t n);
/* Their names, when the x axis has been set. */
void tfx_paper_rows(tfx_paper *p, const char *const *names, size_t n);
/* What follows is in this panel, counted from the top. */
void tfx_paper_panel(tfx_paper *p, int panel);
/* The axis "x" or "y": its range, its ticks as reports have them, and what it shows. */
void tfx_paper_axis(tfx_paper *p, const char *axis, const tfx_scale *scale, tfx_tick_kind kind, const char *label);

/* Data blocks are called $d0, $d1, ...: opens the next, whose number it returns; lines of numbers follow. */
size_t tfx_paper_data(tfx_paper *p);
void tfx_paper_data_end(tfx_paper *p);

/* One more line of the plot command, which the first begins: a block in the style of a group of arms, or of a law. */
void tfx_paper_line(tfx_paper *p, size_t block, size_t number, tfx_paper_mark mark);
/* The band of a block whose third and fourth columns are the ends of an interval. */
void tfx_paper_band(tfx_paper *p, size_t block);
void tfx_paper_plot_end(tfx_paper *p);

/* ---- figures beside the curves, each in a file of its own ---- */

tfx_status tfx_paper_arms(tfx_paper *p, tfx_error *err);
tfx_status tfx_paper_scaling(tfx_paper *p, tfx_error *err);
tfx_status tfx_paper_sweep(tfx_paper *p, tfx_error *err);
tfx_status tfx_paper_growth(tfx_paper *p, tfx_error *err);

#endif
