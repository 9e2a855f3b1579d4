#include "framework/train/queue.h"

static int is_ready(const tfx_place *places, size_t i)
{
    const tfx_place *p = &places[i];
    return p->state == TFX_PLACE_WAITS && (p->trunk == i || p->has_start || places[p->trunk].state == TFX_PLACE_OVER);
}

size_t tfx_queue_next(const tfx_place *places, size_t n, const tfx_queue_limits *limits)
{
    size_t running = 0, first_to_wait = n;
    uint64_t taken = 0;
    for (size_t i = 0; i < n; i++)
        if (places[i].state == TFX_PLACE_RUNS) {
            running++;
            taken += places[i].bytes;
        }
    if (running >= limits->jobs)
        return n;
    for (size_t i = 0; i < n; i++) {
        /* Later ones that are small enough may go first: what is alone in the end fits. */
        if (!is_ready(places, i) || (running && taken + places[i].bytes > limits->memory))
            continue;
        if (!places[i].start_comes)
            return i;
        if (first_to_wait == n)
            first_to_wait = i;
    }
    return running ? n : first_to_wait;
}
