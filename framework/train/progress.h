/* Progress of a run, told by the process that executes it: to the command that started it, which shows many, or on
 * standard error. */
#ifndef TFX_TRAIN_PROGRESS_H
#define TFX_TRAIN_PROGRESS_H

#include "framework/train/display.h"

typedef struct tfx_progress {
    int fd;               /* to that command; -1: there is none */
    tfx_display *display; /* otherwise */
    tfx_run_progress at;
    double told; /* when */
} tfx_progress;

/* `at`: where it starts; total_steps 0: a mere evaluation. `label` stays the caller's. */
void tfx_progress_begin(tfx_progress *p, int fd, const char *label, const tfx_run_progress *at);
/* After each step; `at->evaluated` counts for nothing. */
void tfx_progress_step(tfx_progress *p, const tfx_run_progress *at);
/* During an evaluation that `started` then, of which this share is done; told when it takes more than some seconds. */
void tfx_progress_evaluation(tfx_progress *p, double started, double share);
/* Also of one that has not begun, but is zeroed. */
void tfx_progress_end(tfx_progress *p);

#endif
