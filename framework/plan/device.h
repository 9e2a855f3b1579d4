/* Device: the backend of an experiment, opened. */
#ifndef TFX_PLAN_DEVICE_H
#define TFX_PLAN_DEVICE_H

#include "framework/spec/experiment.h"
#include "tfx/backend.h"

typedef struct tfx_device {
    const tfx_backend_class *cls;
    tfx_backend *backend;
} tfx_device;

/* How many compute threads each of `jobs` runs gets, that are executed at once and share the cores of this process:
 * what the spec says, or else as many as its share has cores. 0: the backend decides, since there is one run, or has
 * no integer option "threads". */
int64_t tfx_device_threads(const tfx_experiment *e, int64_t jobs);
/* What is not as it should be when `jobs` runs of so many threads are executed at once, for people; NULL when nothing
 * is. Heap. */
char *tfx_device_crowded(const tfx_experiment *e, int64_t jobs, int64_t threads);
/* Makes the backend use so many, or as many as it can, when it is opened; 0 changes nothing. */
void tfx_device_set_threads(tfx_experiment *e, int64_t threads);

/* On error the message names the key of the spec. Closing a zeroed device does nothing. */
tfx_status tfx_device_open(tfx_device *d, const tfx_experiment *e, tfx_error *err);
void tfx_device_close(tfx_device *d);

#endif
