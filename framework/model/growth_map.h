/* Growth map: what a grown model is made of, as an operator says it (tfx/growth.h), checked.
 *
 * This file has the map while it is made and what it says of every factor in the end; growth_apply.h carries values
 * over by it. */
#ifndef TFX_MODEL_GROWTH_MAP_H
#define TFX_MODEL_GROWTH_MAP_H

#include "framework/base/error.h"
#include "tfx/growth.h"

/* What a factor of a new parameter is made of in one source. */
typedef struct tfx_factor_map {
    int64_t n, n_old;       /* elements of the factor, and of that of the source */
    const int64_t *index;   /* [n]: 0 to n_old - 1, TFX_INDEX_NEW or TFX_INDEX_MEAN */
    const double *scale;    /* [n]; NULL: 1 */
    const double *gradient; /* [n]; NULL: 1 */
} tfx_factor_map;

typedef struct tfx_map_source {
    uint32_t old; /* index in from->params */
    double weight;
    tfx_factor_map *factors; /* [n_factors of the new parameter]; of a closed map */
    tfx_factor_map *said;    /* the same, of this source alone */
    int fits;                /* the old parameter has the same factors */
} tfx_map_source;

typedef struct tfx_map_param {
    tfx_map_source *sources;
    uint32_t n_sources;
    size_t cap_sources;
    int is_default; /* its source is the old parameter of its own path because nothing else was said */
    int is_old; /* of a closed map: it is its first source, and no copy of that: outside of blocks the parameter of its
                       own path; in a block, the first block that has all its parameters from one old block is that one */
    tfx_fill fill;
    double std;
} tfx_map_param;

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
