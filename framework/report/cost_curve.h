/* Curves: val loss against cost, per evaluation, for one experiment. */
#ifndef TFX_REPORT_COST_CURVE_H
#define TFX_REPORT_COST_CURVE_H

#include "framework/report/table.h"
#include "framework/store/store.h"

/* `x` is "flops", "tokens", "seconds" or "steps"; `including` counts what ancestors spent.
 * The text form adds a plot. */
tfx_status tfx_report_curve(tfx_store *s, tfx_id experiment, const char *x, int including, tfx_format format, FILE *out,
                            tfx_error *err);

#endif
