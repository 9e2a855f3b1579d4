/* The growth event: between two stages, a checkpoint of the old model becomes the state of
 * the new one. */
#ifndef TFX_TRAIN_GROW_H
#define TFX_TRAIN_GROW_H

#include "framework/plan/arm.h"
#include "framework/train/engine.h"

/* Fills the engine of stage `to` from the checkpoint folder of stage `to` - 1, or for 0 that of the plan's origin: parameters by the event's map, or
 * through the arm's policy where that makes them itself; optimizer state by the map and the stage's carry rule. Reads
 * the old model tensor by tensor, so the two models never share memory. `changes` gets a JSON array of what became of
 * each parameter (tfx_growth_describe). */
tfx_status tfx_grow_from_checkpoint(const tfx_arm_plan *plan, uint32_t to, const char *checkpoint, uint64_t seed,
                                    tfx_engine *engine, tfx_text *changes, tfx_error *err);

#endif
