#include "framework/plan/data.h"

#include "framework/plugin/calls/loader_calls.h"

tfx_status tfx_data_open(const tfx_experiment *e, tfx_split split, int64_t batch, int64_t context, uint64_t seed,
                         tfx_loader **out, tfx_loader_info *info, tfx_error *err)
{
    const tfx_loader_class *cls = e->loader.impl;
    tfx_loader_config config = {.struct_size = sizeof(config),
                                .options = e->loader.options,
                                .split = split,
                                .batch = batch,
                                .context = context,
                                .seed = seed};
    if (tfx_call_loader_open(cls, &config, out, err) == TFX_OK && tfx_call_loader_info(cls, *out, info, err) == TFX_OK)
        return TFX_OK;
    tfx_call_loader_close(cls, *out);
    *out = NULL;
    /* A data file that is not there is a mistake in the spec like any other. */
    if (err->status == TFX_E_IO)
        err->status = TFX_E_INVALID;
    tfx_plugin_use_locate(&e->loader, err);
    return err->status;
}
