#include "framework/plugin/calls/loader_calls.h"

#include <inttypes.h>
#include <math.h>

#include "framework/plugin/host.h"

tfx_status tfx_call_loader_open(const tfx_loader_class *cls, const tfx_loader_config *config, tfx_loader **out,
                                tfx_error *err)
{
    tfx_call c;
    *out = NULL;
    tfx_call_begin(&c, TFX_KIND_LOADER, cls, "open", config->split == TFX_SPLIT_TRAIN ? "train" : "val");
    tfx_status status = cls->open(tfx_host_table(), config, out);
    status = tfx_call_end_making(&c, status, *out, "loader", NULL, err);
    if (status != TFX_OK)
        *out = NULL;
    return status;
}

void tfx_call_loader_close_nothing(const tfx_loader_class *cls)
{
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_LOADER, cls, "close", "NULL");
    cls->close(NULL);
    tfx_call_end_quietly(&c);
}

void tfx_call_loader_close(const tfx_loader_class *cls, tfx_loader *l)
{
    tfx_call c;
    if (!l)
        return;
    tfx_call_begin(&c, TFX_KIND_LOADER, cls, "close", NULL);
    cls->close(l);
    tfx_call_end_quietly(&c);
}

tfx_status tfx_call_loader_info(const tfx_loader_class *cls, const tfx_loader *l, tfx_loader_info *out, tfx_error *err)
{
    TFX_ROOMY(tfx_loader_info) info = {{.struct_size = sizeof(*out)}};
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_LOADER, cls, "info", NULL);
    cls->info(l, &info.it);
    *out = info.it;
    out->struct_size = sizeof(*out);
    if (out->n_tokens < -1)
        tfx_call_bug(&c, "`info` says %" PRId64 " tokens; expected a count, or -1 for no end", out->n_tokens);
    if (out->vocab < 1 || out->vocab > (int64_t)INT32_MAX + 1)
        tfx_call_bug(&c, "`info` says vocab %" PRId64 "; expected 1 to 2^31", out->vocab);
    if (!isfinite(out->bytes_per_token) || out->bytes_per_token < 0)
        tfx_call_bug(&c, "`info` says %g bytes per token; expected a positive number, or 0 for not known",
                     out->bytes_per_token);
    return tfx_call_end_named(&c, TFX_OK, err);
}

uint32_t tfx_loader_flags(const tfx_loader_class *cls)
{
    return TFX_HAS(cls, flags) ? cls->flags : 0;
}

static void check_tokens(const tfx_batch *b, const int32_t *tokens, const char *which, const char *what, tfx_error *err)
{
    for (int64_t i = 0; i < b->rows * b->context; i++)
        if (tokens[i] < 0 || tokens[i] >= b->vocab) {
            tfx_fail(err, TFX_E_DATA, "%s: batch %llu, row %lld: token %lld of the %s is %d, expected 0 to %lld", what,
                     (unsigned long long)b->index, (long long)(i / b->context), (long long)(i % b->context), which,
                     (int)tokens[i], (long long)(b->vocab - 1));
            return;
        }
}

tfx_status tfx_call_loader_next_batch(const tfx_loader_class *cls, tfx_loader *l, const tfx_batch *batch,
                                      const char *what, tfx_error *err)
{
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_LOADER, cls, "next_batch", NULL);
    if (tfx_call_end(&c, cls->next_batch(l, batch->inputs, batch->targets), what, err) == TFX_OK) {
        check_tokens(batch, batch->inputs, "inputs", what, err);
        check_tokens(batch, batch->targets, "targets", what, err);
    }
    return err->status;
}

tfx_status tfx_call_loader_tell(const tfx_loader_class *cls, const tfx_loader *l, tfx_loader_position *out,
                                const char *what, tfx_error *err)
{
    TFX_ROOMY(tfx_loader_position) position = {{.struct_size = sizeof(*out)}};
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_LOADER, cls, "tell", NULL);
    cls->tell(l, &position.it);
    *out = position.it;
    out->struct_size = sizeof(*out);
    return tfx_call_end(&c, TFX_OK, what, err);
}

tfx_status tfx_call_loader_seek(const tfx_loader_class *cls, tfx_loader *l, const tfx_loader_position *pos,
                                const char *what, tfx_error *err)
{
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_LOADER, cls, "seek", NULL);
    return tfx_call_end(&c, cls->seek(l, pos), what, err);
}
