/* Labels: what people say about runs and experiments once these are recorded: tags, notes, and another name. */
#ifndef TFX_STORE_LABELS_H
#define TFX_STORE_LABELS_H

#include "framework/store/rows.h"
#include "framework/store/store.h"

/* Gives a run a tag in place of the one that it has with this key. An empty value removes that one; that there is none
 * is no error. TFX_E_INVALID when there is no such run. */
tfx_status tfx_store_set_tag(tfx_store *s, tfx_id run, const char *key, const char *value, tfx_error *err);
/* Appends a note to a run, or with run = 0 to an experiment, with the time of now. TFX_E_INVALID when it is not there. */
tfx_status tfx_store_add_note(tfx_store *s, tfx_id experiment, tfx_id run, const char *text, tfx_error *err);
/* Gives one experiment row another name. Its spec stays what was run, with the name that it had then. */
tfx_status tfx_store_rename(tfx_store *s, tfx_id experiment, const char *name, tfx_error *err);

/* Whether there is a run of this id; an error, 0, when not. */
int tfx_store_has_run(tfx_store *s, tfx_id run, tfx_error *err);
/* The name of an experiment that is there; a heap string. */
char *tfx_store_experiment_name(tfx_store *s, tfx_id experiment, tfx_error *err);

/* The tags of a run, or of all (0): run, experiment, arm, seed, key, value. The caller closes the rows; likewise: */
tfx_rows *tfx_query_tags(tfx_store *s, tfx_id run, tfx_error *err);
/* The notes of an experiment, oldest first: created, text. Those of a run: tfx_query_run. */
tfx_rows *tfx_query_notes(tfx_store *s, tfx_id experiment, tfx_error *err);

#endif
