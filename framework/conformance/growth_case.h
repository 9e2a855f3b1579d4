/* Growth case: a small model and a larger one, and what grows the one into the other. */
#ifndef TFX_CONFORMANCE_GROWTH_CASE_H
#define TFX_CONFORMANCE_GROWTH_CASE_H

#include "framework/conformance/made_up.h"
#include "framework/plan/event.h"

typedef struct tfx_growth_case {
    const tfx_registry *registry;
    tfx_experiment *experiment;
    tfx_device device;
    tfx_stage_plan *from, *to;
    tfx_error *err;
} tfx_growth_case;

/* `from` and `to` are the keys of [model small] and [model large], and `scaling` those of the operator, as text of a spec.
 * Both models are planned, and nothing is mapped. Close it in any case. */
tfx_status tfx_growth_case_open(tfx_growth_case *c, const tfx_registry *registry, const char *from, const char *to,
                                const char *scaling, tfx_error *err);
void tfx_growth_case_close(tfx_growth_case *c);

/* The operator's map; NULL with a message. */
tfx_growth_map *tfx_growth_case_map(tfx_growth_case *c, uint64_t seed);

/* What is claimed of it. */
tfx_status tfx_growth_case_claim(tfx_growth_case *c, const tfx_growth_map *map, tfx_growth_claim *claim);

/* Fills the small model with numbers and the large one by the map, and computes both on the same tokens: the largest difference of
 * logits from `factor` times those of before, and the largest of these. */
tfx_status tfx_growth_case_compare(tfx_growth_case *c, const tfx_growth_map *map, double factor, double *off,
                                   double *size);

/* Whether two maps between the same models are the same; NULL, or the parameter at which they differ. */
const char *tfx_growth_maps_differ(const tfx_growth_map *a, const tfx_growth_map *b);

#endif
