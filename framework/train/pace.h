/* Pace: how fast something goes, and how long the rest of it will take. */
#ifndef TFX_TRAIN_PACE_H
#define TFX_TRAIN_PACE_H

/* Zeroed: has not begun. */
typedef struct tfx_pace {
    double last;            /* when it was heard of; in seconds, as tfx_now gives them */
    double amount, seconds; /* what was done in how long, what is long past forgotten */
    int begun;
} tfx_pace;

/* `amount` more (0 or above) was done until `now`; the first call only says when it began. What was heard a minute
 * ago counts by a factor e less than what is heard now, so that the pace follows a run into its next stage. */
void tfx_pace_add(tfx_pace *p, double now, double amount);

/* Seconds that so much more takes; negative: not known yet. */
double tfx_pace_time(const tfx_pace *p, double amount);

#endif
