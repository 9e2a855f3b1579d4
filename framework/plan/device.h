/* Device: the backend of an experiment, opened. */
#ifndef TFX_PLAN_DEVICE_H
#define TFX_PLAN_DEVICE_H

#include "framework/spec/experiment.h"
#include "tfx/backend.h"

typedef struct tfx_device {
    const tfx_backend_class *cls;
    tfx_backend *backend;
} tfx_device;

/* On error the message names the key of the spec. Closing a zeroed device does nothing. */
tfx_status tfx_device_open(tfx_device *d, const tfx_experiment *e, tfx_error *err);
void tfx_device_close(tfx_device *d);

#endif
