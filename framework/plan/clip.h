/* Clip: the global gradient norm and the factor that keeps it within a limit, as graph nodes. */
#ifndef TFX_PLAN_CLIP_H
#define TFX_PLAN_CLIP_H

#include "framework/graph/graph.h"

/* The 2-norm over all elements of grads[0..n), right from 0 to 1e31 and infinite beyond; NaN or infinite
 * if one of them is. */
tfx_value tfx_grad_norm(tfx_graph *g, const tfx_value *grads, uint32_t n);

/* clip / max(norm, clip): exactly 1 up to `clip`. torch.nn.utils.clip_grad_norm_ divides by
 * norm + 1e-6 instead, so as not to divide by zero. */
tfx_value tfx_clip_factor(tfx_graph *g, tfx_value norm, double clip);

#endif
