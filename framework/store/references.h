/* References: what specs took from the results of other experiments, ${best:...}. */
#ifndef TFX_STORE_REFERENCES_H
#define TFX_STORE_REFERENCES_H

#include "framework/spec/lookup.h"
#include "framework/store/rows.h"
#include "framework/store/store.h"

tfx_status tfx_store_add_reference(tfx_store *s, tfx_id experiment, const tfx_taken *taken, tfx_error *err);

/* What an experiment took by an expression (0: the newest that took anything by it). Leaves *out empty when there is
 * nothing; otherwise the caller finishes it. */
tfx_status tfx_store_reference(tfx_store *s, tfx_id experiment, const char *expression, tfx_taken *out, tfx_error *err);

/* Experiments of that name that took values, newest first: id, and the spec's text. */
tfx_rows *tfx_query_takers(tfx_store *s, const char *name, tfx_error *err);

/* ---- searches ---- */

/* What arms of an experiment are grouped by. */
typedef enum tfx_grouping { TFX_BY_ARM = 0, TFX_BY_MODEL, TFX_BY_SWEEP } tfx_grouping;
/* Their names, "arm" first; ends with NULL. */
extern const char *const tfx_groupings[];

/* Arms of an experiment, group after group: name, group, point, train, model, scaling, start; how many runs, and how many of
 * them are done and failed; mean val_loss of those that are done, and their ids as text. A group is a swept arm's name
 * for its points. */
tfx_rows *tfx_query_points(tfx_store *s, tfx_id experiment, tfx_grouping by, tfx_error *err);
/* The name of an experiment, the file of its spec, and the profile (may be NULL). */
tfx_rows *tfx_query_experiment(tfx_store *s, tfx_id experiment, tfx_error *err);

#endif
