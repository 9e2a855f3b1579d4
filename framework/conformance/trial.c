#include "framework/conformance/trial.h"

#include <string.h>

tfx_status tfx_trial(const tfx_subject *s, const char *key, const char *value, tfx_error *err)
{
    if (!strcmp(s->kind, TFX_KIND_LAYER))
        return tfx_trial_layer(s, key, value, err);
    if (!strcmp(s->kind, TFX_KIND_OP))
        return tfx_trial_op(s, err);
    if (!strcmp(s->kind, TFX_KIND_OPERATOR))
        return tfx_trial_operator(s, key, value, err);
    tfx_options *o = tfx_subject_options_with(s, key, value, err);
    if (!o)
        return err->status;
    if (!strcmp(s->kind, TFX_KIND_OPTIMIZER))
        tfx_trial_optimizer(s, o, err);
    else if (!strcmp(s->kind, TFX_KIND_LOADER))
        tfx_trial_loader(s, o, err);
    else if (!strcmp(s->kind, TFX_KIND_SCALING))
        tfx_trial_scaling(s, o, err);
    else if (!strcmp(s->kind, TFX_KIND_TOKENIZER))
        tfx_trial_tokenizer(s, o, err);
    else
        tfx_trial_backend(s, o, err);
    tfx_options_destroy(o);
    return err->status;
}
