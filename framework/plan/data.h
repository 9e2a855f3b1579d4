/* Data: opening the loader that the spec chose. */
#ifndef TFX_PLAN_DATA_H
#define TFX_PLAN_DATA_H

#include "framework/spec/experiment.h"
#include "tfx/loader.h"

/* A loader for rows of `context` tokens, `batch` at a time, and what it says of its data. On error
 * *out is NULL and the message names the key of the spec; a file that cannot be read is invalid input like one
 * that does not fit. The caller closes it (tfx_call_loader_close). */
tfx_status tfx_data_open(const tfx_experiment *e, tfx_split split, int64_t batch, int64_t context, uint64_t seed,
                         tfx_loader **out, tfx_loader_info *info, tfx_error *err);

/* Whether the loader, of a TRAIN split with batches of rows x context, gives the same batch after going back to where it was: a
 * run that was killed goes on by that. A loader that fails says so in the run. */
tfx_status tfx_data_check_seek(const tfx_experiment *e, tfx_loader *l, int64_t rows, int64_t context, int64_t vocab,
                               tfx_error *err);

#endif
