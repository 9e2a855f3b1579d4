/* Progress of a run on standard error: one line that redraws itself on a terminal, plain
 * lines now and then when piped. */
#ifndef TFX_TRAIN_PROGRESS_H
#define TFX_TRAIN_PROGRESS_H

#include <stdint.h>

typedef struct tfx_progress {
    char label[128]; /* "tokenformer seed 1" */
    int terminal;
    int64_t total_steps;
    int64_t first_step; /* where this process started */
    double started, drawn;
    int drawn_any;
} tfx_progress;

void tfx_progress_begin(tfx_progress *p, const char *label, int64_t first_step, int64_t total_steps);
/* After each step; draws when enough time has passed. */
void tfx_progress_step(tfx_progress *p, int64_t step, double tokens_per_second, double loss);
/* During an evaluation that `started` then, of which this share is done; draws when it takes more than some
 * seconds and enough time has passed. */
void tfx_progress_evaluation(tfx_progress *p, double started, double share);
/* Clears the redrawn line. */
void tfx_progress_end(tfx_progress *p);

#endif
