/* Contrasts: every arm that grew against its twins and every arm that did not, by decayed end points and training FLOPs including
 * ancestors: what `tfx compare` says of these pairs. Of a search of learning rates, the best counts on both sides. */
#ifndef TFX_REPORT_CONTRASTS_H
#define TFX_REPORT_CONTRASTS_H

#include "framework/analysis/compare.h"
#include "framework/report/outcomes.h"

typedef struct tfx_grown_contrast {
    const tfx_outcome *grown, *other;
    tfx_comparison comparison; /* of one contrast, unless: */
    char *why_not;             /* there is none; NULL: there is */
} tfx_grown_contrast;

typedef struct tfx_contrasts {
    tfx_endpoints ends;
    tfx_grown_contrast *items; /* in the order of arms, of each its twins first */
    size_t n, cap;
} tfx_contrasts;

/* Of arms with finished runs. Always finish it, before the outcomes. */
tfx_status tfx_contrasts_load(tfx_store *s, tfx_id experiment, const tfx_outcomes *outcomes, tfx_contrasts *out,
                              tfx_error *err);
void tfx_contrasts_finish(tfx_contrasts *c);

#endif
