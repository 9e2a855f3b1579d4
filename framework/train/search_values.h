/* Search values: where a spec's ${best:...} come from: the searches of a database, or, for a run that goes on, what its
 * experiment took from them when it began. */
#ifndef TFX_TRAIN_SEARCH_VALUES_H
#define TFX_TRAIN_SEARCH_VALUES_H

#include "framework/spec/lookup.h"
#include "framework/store/store.h"

typedef enum tfx_values_of {
    TFX_VALUES_NOW = 0,  /* what the searches say */
    TFX_VALUES_RECORDED, /* what `experiment` took, and nothing else; with 0 what the newest took that has the same
                            expression, or the searches */
    TFX_VALUES_EXTENDED  /* what `experiment` took, or the searches */
} tfx_values_of;

typedef struct tfx_search_values {
    tfx_lookup lookup; /* for tfx_experiment_load_with */
    const char *db;
    tfx_store *store; /* opened when it is needed */
    tfx_values_of of;
    tfx_id experiment;
} tfx_search_values;

/* Must stay where it is until tfx_search_values_finish. `db` outlives it. */
void tfx_search_values_init(tfx_search_values *v, const char *db, tfx_values_of of, tfx_id experiment);
void tfx_search_values_finish(tfx_search_values *v);

#endif
