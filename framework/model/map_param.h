/* Map parameter: what one parameter of a grown model is made of (growth_map.h has them all). */
#ifndef TFX_MODEL_MAP_PARAM_H
#define TFX_MODEL_MAP_PARAM_H

#include <stddef.h>

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

/* Sets is_old of params [to->n_params], whose sources are known. */
void tfx_map_params_tell_old(const tfx_model_view *from, const tfx_model_view *to, tfx_map_param *params);

#endif
