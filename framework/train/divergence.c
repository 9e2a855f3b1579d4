#include "framework/train/divergence.h"

#include <inttypes.h>
#include <math.h>

#include "framework/base/memory.h"

#define PIECE ((uint64_t)1 << 16)

static const char *first_broken_param(tfx_engine *engine, const tfx_state_layout *state)
{
    tfx_state_io io = tfx_engine_io(engine);
    float *piece = TFX_NEW_ARRAY(float, PIECE);
    const char *name = NULL;
    for (uint32_t i = 0; i < state->n && !name; i++) {
        const tfx_state_tensor *t = &state->tensors[i];
        for (uint64_t at = 0; t->kind == TFX_STATE_PARAM && at < t->elements && !name; at += PIECE) {
            uint64_t n = t->elements - at < PIECE ? t->elements - at : PIECE;
            io.read(io.ctx, t, at * sizeof(float), piece, n * sizeof(float));
            for (uint64_t k = 0; k < n && !name; k++)
                name = isfinite(piece[k]) ? NULL : t->name;
        }
    }
    free(piece);
    return name;
}

tfx_status tfx_fail_diverged(tfx_engine *engine, const tfx_state_layout *state, const tfx_run_standing *at,
                             const char *what, int in_step, tfx_error *err)
{
    const char *broken = in_step ? NULL : first_broken_param(engine, state);
    int initial = at->step == 0 || (in_step && at->step == 1);
    char *cause = broken    ? tfx_printf("; parameter %s is not finite", broken)
                  : in_step ? tfx_strdup("")
                            : tfx_strdup("; all parameters are finite: a layer's output is not");
    tfx_fail(err, TFX_E_INTERNAL, "step %" PRId64 ": %s%s%s", at->step, what, cause,
             initial ? ", with the parameters as they were initialised: look at the initialisation and at the layers"
                     : ": training has diverged; lower train.lr, or lengthen train.warmup");
    free(cause);
    return err->status;
}
