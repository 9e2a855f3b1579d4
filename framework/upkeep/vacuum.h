/* Vacuum: gives back the space of rows that are gone. */
#ifndef TFX_UPKEEP_VACUUM_H
#define TFX_UPKEEP_VACUUM_H

#include "framework/store/store.h"

/* Rewrites the file without gaps; *before and *after are its bytes, those of its log included. Refused while a process
 * executes a run, which would have to wait for it, and where the disk has no room for a second copy and a third. */
tfx_status tfx_vacuum(tfx_store *store, int64_t *before, int64_t *after, tfx_error *err);

#endif
