/* Display: how far runs have come, on standard error.
 *
 * On a terminal, a line with a bar for each run that is executed, and below them one for all runs together; they are
 * redrawn in place, and what happens is printed above them. Otherwise plain lines now and then. */
#ifndef TFX_TRAIN_DISPLAY_H
#define TFX_TRAIN_DISPLAY_H

#include <stddef.h>
#include <stdint.h>

typedef struct tfx_display tfx_display;

/* How far a run has come: a record of fixed size, which the process that executes it sends to the one that shows it. */
typedef struct tfx_run_progress {
    int64_t stage, n_stages;
    int64_t step, total_steps;      /* of the whole run, as it is planned now */
    double flops, total_flops;      /* likewise; of training steps, without ancestors */
    double tokens_per_second, loss; /* of the last step */
    double evaluated;       /* the part that is done of an evaluation which takes a while; negative: none does; */
    double evaluation_left; /* seconds that the rest of it takes; negative: not known */
} tfx_run_progress;

typedef enum tfx_shown_state {
    TFX_SHOWN_WAITING = 0,
    TFX_SHOWN_RUNNING,
    TFX_SHOWN_DONE,
    TFX_SHOWN_FAILED
} tfx_shown_state;

/* For n runs, which are numbered from 0. */
tfx_display *tfx_display_create(size_t n);
/* Removes what is drawn. NULL is allowed. */
void tfx_display_destroy(tfx_display *d);

/* What a run is called, and what it has cost so far and will have in the end, as planned (FLOPs). */
void tfx_display_plan(tfx_display *d, size_t run, const char *label, double flops, double total_flops);
void tfx_display_state(tfx_display *d, size_t run, tfx_shown_state state);
void tfx_display_update(tfx_display *d, size_t run, const tfx_run_progress *at);

/* Prints `n` bytes, whole lines, above what is drawn. */
void tfx_display_print(tfx_display *d, const char *lines, size_t n);
/* Removes what is drawn, since somebody else is going to print; it comes back when it is drawn the next time. */
void tfx_display_clear(tfx_display *d);
/* Redraws, if that was not done just now. */
void tfx_display_draw(tfx_display *d);

#endif
