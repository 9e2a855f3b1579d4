/* Growth map: what a grown model is made of, as an operator says it (tfx/growth.h), checked.
 *
 * This file has the map while it is made and what it says of every factor in the end; growth_apply.h carries values
 * over by it. */
#ifndef TFX_MODEL_GROWTH_MAP_H
#define TFX_MODEL_GROWTH_MAP_H

#include "framework/base/error.h"
#include "framework/model/map_param.h"
#include "tfx/growth.h"

typedef struct tfx_growth_map tfx_growth_map;

/* The plainest map between two models, whose views outlive it. The caller destroys it. */
tfx_growth_map *tfx_growth_map_create(const tfx_model_view *from, const tfx_model_view *to, uint32_t event,
                                      uint64_t seed);
void tfx_growth_map_destroy(tfx_growth_map *m);

/* What logit_factor of tfx/growth.h asks, of a closed map; *why is for the caller to free, and `data`
 * lives as long as the operator fills the map in. */
typedef tfx_status (*tfx_growth_prover)(void *data, const tfx_growth_map *m, double *factor, char **why,
                                        tfx_error *err);
void tfx_growth_map_set_prover(tfx_growth_map *m, tfx_growth_prover prove, void *data);

/* What an operator is given to fill it in. */
tfx_growth *tfx_growth_map_open(tfx_growth_map *m);
/* Ends that, and checks the map as a whole: every old parameter is used, sizes fit, what must not change does not. A message
 * names parameter and class. */
tfx_status tfx_growth_map_close(tfx_growth_map *m, tfx_error *err);

const tfx_model_view *tfx_growth_map_from(const tfx_growth_map *m);
const tfx_model_view *tfx_growth_map_to(const tfx_growth_map *m);
/* Of a closed map: parameter i of `to`. */
const tfx_map_param *tfx_growth_map_param(const tfx_growth_map *m, uint32_t i);

#endif
