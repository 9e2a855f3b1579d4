/* Leftovers: folders that tfx made and that no row of the database is about, because a process was killed between the
 * two. Nothing counts as one that bears another name than tfx gives. */
#ifndef TFX_UPKEEP_LEFTOVERS_H
#define TFX_UPKEEP_LEFTOVERS_H

#include "framework/upkeep/collect.h"

/* Adds to *out the folders in a run's folder that have the name of a checkpoint, or of one that is being written or
 * removed, and no checkpoint's files. Nobody may execute the run meanwhile. */
tfx_status tfx_leftovers_of_run(tfx_store *store, const char *root, const char *directory, tfx_id run, tfx_gc *out,
                                tfx_error *err);

/* Adds the folders of runs that no run is about: what is left of one that was being removed, and empty ones, which are a
 * minute old or more; any other is TFX_GC_UNKNOWN. To be called within a write transaction. */
tfx_status tfx_leftovers_beside(tfx_store *store, const char *root, tfx_gc *out, tfx_error *err);

/* Removes what is left of runs' folders in root/relative that were being removed. */
tfx_status tfx_leftovers_remove(const char *root, const char *relative, tfx_error *err);

#endif
