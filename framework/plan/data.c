#include "framework/plan/data.h"

#include "framework/plugin/registry.h"

tfx_status tfx_data_open(const tfx_experiment *e, tfx_split split, int64_t batch, int64_t context, uint64_t seed,
                         tfx_loader **out, tfx_error *err)
{
    const tfx_loader_class *cls = e->loader.impl;
    tfx_loader_config config = {.struct_size = sizeof(config), .options = e->loader.options, .split = split,
                                .batch = batch, .context = context, .seed = seed};
    *out = NULL;
    tfx_host_call_begin();
    if (tfx_host_call_end(cls->open(tfx_host_table(), &config, out), "", err) != TFX_OK) {
        *out = NULL;
        tfx_plugin_use_locate(&e->loader, err);
    }
    return err->status;
}
