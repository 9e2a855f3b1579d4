/* Lineage: what a checkpoint descends from, across growth events, runs and experiments. */
#ifndef TFX_REPORT_ANCESTRY_H
#define TFX_REPORT_ANCESTRY_H

#include <stdio.h>

#include "framework/store/store.h"

/* The checkpoint that `name` stands for: an id, the path of its folder (as recorded, or
 * from here), or the path of its model.safetensors. 0 with a message when there is none. */
tfx_id tfx_report_find_checkpoint(tfx_store *s, const char *name, tfx_error *err);

/* From the first ancestor down to the checkpoint. The text form shows where something
 * happened: growth, another run, the ends; JSON holds every checkpoint on the way. */
tfx_status tfx_report_lineage(tfx_store *s, tfx_id checkpoint, int json, FILE *out, tfx_error *err);

#endif
