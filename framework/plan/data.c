#include "framework/plan/data.h"

#include <stdlib.h>
#include <string.h>

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

/* A batch of more is not for the memory of the machines there are; that is found out when the plan is compared with it. */
#define MOST_TOKENS ((size_t)1 << 24)

tfx_status tfx_data_check_seek(const tfx_experiment *e, tfx_loader *l, int64_t rows, int64_t context, int64_t vocab,
                               tfx_error *err)
{
    const tfx_loader_class *cls = e->loader.impl;
    size_t n = (size_t)(rows * context);
    if (n > MOST_TOKENS)
        return TFX_OK;
    int32_t *tokens = calloc(4 * n, sizeof(*tokens)); /* inputs and targets of a batch, and of the same one again */
    tfx_batch first = {.inputs = tokens, .targets = tokens + n, .rows = rows, .context = context, .vocab = vocab};
    tfx_batch again = first;
    tfx_loader_position at;
    tfx_error ignored = {0};
    again.inputs = tokens + 2 * n;
    again.targets = tokens + 3 * n;
    first.index = again.index = 1;
    if (tokens && tfx_call_loader_next_batch(cls, l, &again, "", &ignored) == TFX_OK &&
        tfx_call_loader_tell(cls, l, &at, "", &ignored) == TFX_OK &&
        tfx_call_loader_next_batch(cls, l, &first, "", &ignored) == TFX_OK &&
        tfx_call_loader_seek(cls, l, &at, "", &ignored) == TFX_OK &&
        tfx_call_loader_next_batch(cls, l, &again, "", &ignored) == TFX_OK &&
        memcmp(first.inputs, again.inputs, 2 * n * sizeof(*tokens)) != 0) {
        tfx_fail(err, TFX_E_INVALID,
                 "loader %s: after `seek` to the position that `tell` gave, another batch follows than before; a run "
                 "that was killed could not go on",
                 e->loader.name);
        tfx_plugin_use_locate(&e->loader, err);
    }
    free(tokens);
    return err->status;
}
