/* The units of a program as text and drawings, and units that blocks have alike as one. */
#ifndef TFX_PLAN_UNITS_TEXT_H
#define TFX_PLAN_UNITS_TEXT_H

#include <stdio.h>

#include "framework/base/block_rows.h"
#include "framework/plan/units.h"

struct cJSON;

/* One row per unit of that pass, or of all for TFX_N_PASSES; the `of` of a row are numbers of units. The text is
 * "LAYERS\tOPS\tRESULT\tFLOPS\tBYTES\tKEPT\n" of one unit, and `all` keeps those apart that blocks have alike. */
void tfx_units_fold(const tfx_unit_list *l, tfx_unit_pass pass, int all, tfx_block_rows *rows);

/* "blocks.3.ffn.up, next.norm1": the layers that a unit is of, where in the next block as seen from the first. Heap. */
char *tfx_unit_layers(const tfx_unit_list *l, const tfx_unit_info *u);

void tfx_units_print(const tfx_unit_list *l, int all, FILE *out);
struct cJSON *tfx_units_json(const tfx_unit_list *l);

#endif
