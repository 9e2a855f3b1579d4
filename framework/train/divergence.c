#include "framework/train/divergence.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "framework/base/log.h"
#include "framework/base/memory.h"

double tfx_without_sign(double x)
{
    return isnan(x) ? fabs(x) : x;
}

void tfx_divergence_say(char *text, size_t size, double loss, const double *grad_norm, double lr)
{
    if (grad_norm)
        snprintf(text, size, "the loss is %g and the gradient norm %g at learning rate %g", tfx_without_sign(loss),
                 tfx_without_sign(*grad_norm), lr);
    else
        snprintf(text, size, "the loss is %g at learning rate %g", tfx_without_sign(loss), lr);
}

#define PIECE ((uint64_t)1 << 16)

static int all_finite(tfx_engine *engine, const tfx_tensor *t, uint64_t elements)
{
    float *piece = TFX_NEW_ARRAY(float, PIECE);
    int finite = 1;
    for (uint64_t at = 0; at < elements && finite; at += PIECE) {
        uint64_t n = elements - at < PIECE ? elements - at : PIECE;
        tfx_engine_read(engine, t, at * sizeof(float), piece, n * sizeof(float));
        for (uint64_t k = 0; k < n && finite; k++)
            finite = isfinite(piece[k]) != 0;
    }
    free(piece);
    return finite;
}

static const char *first_broken_param(const tfx_divergence *d)
{
    const tfx_state_layout *state = &d->stage->state;
    for (uint32_t i = 0; i < state->n; i++) {
        const tfx_state_tensor *t = &state->tensors[i];
        tfx_tensor place = {.buffer = TFX_BUFFER_STATE, .offset = t->offset};
        if (t->kind == TFX_STATE_PARAM && !all_finite(d->engine, &place, t->elements))
            return t->name;
    }
    return NULL;
}

/* "layer blocks.3 (mlp)", whose output is not finite while those of all before it are; heap. NULL: there is none;
 * or it cannot be known, with a message. */
static char *first_broken_layer(const tfx_divergence *d, tfx_error *err)
{
    tfx_made_values made = {0};
    char *found = NULL;
    tfx_placement *p = tfx_stage_layers_create(d->stage, d->registry, d->device, d->in_step, &made, err);
    if (p && tfx_engine_execute_other(d->engine, &p->program, err) == TFX_OK)
        for (uint32_t i = 0; i < made.n && !found; i++) {
            const tfx_tensor *t = p->program.tensors[p->outputs[i]];
            if (t->dtype == TFX_F32 && !all_finite(d->engine, t, tfx_shape_elements(t->n_dims, t->dims)))
                found = tfx_strdup(made.items[i].by);
        }
    tfx_placement_destroy(p);
    tfx_made_values_finish(&made);
    return found;
}

/* "; parameter norm.weight is not finite", heap. */
static char *find_cause(const tfx_divergence *d, int updated)
{
    tfx_error trouble = {0};
    const char *param = first_broken_param(d);
    if (param && updated)
        return tfx_printf("; the step has left parameter %s not finite", param);
    if (param)
        return tfx_printf("; parameter %s is not finite", param);
    if (updated)
        return tfx_strdup("");
    char *layer = first_broken_layer(d, &trouble), *cause;
    if (layer)
        cause = tfx_printf("; all parameters are finite, and %s is the first whose output is not", layer);
    else if (trouble.status == TFX_OK)
        cause = tfx_strdup("; all parameters are finite, and so is what every layer makes of that batch");
    else
        cause = tfx_strdup("; all parameters are finite");
    if (trouble.status != TFX_OK)
        tfx_log_note("no layer is named: %s", trouble.text);
    free(layer);
    return cause;
}

tfx_status tfx_fail_diverged(const tfx_divergence *d, tfx_error *err)
{
    int initial = !d->at->before.steps && (d->at->step == 0 || (d->in_step && d->at->step == 1));
    tfx_error trouble = {0};
    int updated = d->updated && !(initial && tfx_engine_initialise(d->engine, d->seed, &trouble) == TFX_OK);
    char *cause = find_cause(d, updated);
    tfx_fail(err, TFX_E_INTERNAL, "step %" PRId64 ": %s%s%s", d->at->step, d->what, cause,
             initial ? ", with the parameters as they were initialised: look at the initialisation and at the layers"
                     : ": training has diverged; lower train.lr, or lengthen train.warmup");
    free(cause);
    return err->status;
}
