/* Queue: which of the runs that are left may start now. */
#ifndef TFX_TRAIN_QUEUE_H
#define TFX_TRAIN_QUEUE_H

#include <stddef.h>
#include <stdint.h>

typedef enum tfx_place_state { TFX_PLACE_WAITS = 0, TFX_PLACE_RUNS, TFX_PLACE_OVER } tfx_place_state;

/* The place of a run in the queue. */
typedef struct tfx_place {
    tfx_place_state state;
    uint64_t bytes;  /* of memory that its process takes at most */
    size_t trunk;    /* the place of the run that it starts from; its own: it starts from none in the queue */
    int has_start;   /* the checkpoint that it starts from is there */
    int start_comes; /* it is not, but another command executes the run that leaves it */
} tfx_place;

typedef struct tfx_queue_limits {
    size_t jobs;     /* that run at once */
    uint64_t memory; /* bytes that all their processes may take together */
} tfx_queue_limits;

/* The first place whose run may start beside those that run: what it starts from is there, or will not come any more,
 * and it fits. A run that would have to wait for another command starts only where nothing else can be done. One that
 * is alone fits: that was checked before. Returns n when none may start. */
size_t tfx_queue_next(const tfx_place *places, size_t n, const tfx_queue_limits *limits);

#endif
