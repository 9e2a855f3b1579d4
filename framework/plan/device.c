#include "framework/plan/device.h"

#include "framework/plugin/calls/backend_calls.h"

tfx_status tfx_device_open(tfx_device *d, const tfx_experiment *e, tfx_error *err)
{
    *d = (tfx_device){.cls = e->backend.impl};
    if (tfx_call_backend_open(d->cls, e->backend.options, &d->backend, err) != TFX_OK)
        tfx_plugin_use_locate(&e->backend, err);
    return err->status;
}

void tfx_device_close(tfx_device *d)
{
    tfx_call_backend_close(d->cls, d->backend);
    d->backend = NULL;
}
