/* What the files that build the programs of a stage share. Internal to framework/plan. */
#ifndef TFX_PLAN_STAGE_BUILDER_H
#define TFX_PLAN_STAGE_BUILDER_H

#include "framework/plan/stage.h"

typedef struct tfx_stage_builder {
    const tfx_stage_params *p;
    tfx_stage_plan *s;
    tfx_error *err;
    tfx_trained_params trained;
} tfx_stage_builder;

/* What a program gives back, as values of its graph; TFX_POISON: not of this one. */
typedef struct tfx_stage_outputs {
    tfx_value loss, grad_norm, logits, sums, energies, reports;
} tfx_stage_outputs;

void tfx_stage_begin_graph(const tfx_stage_builder *b, tfx_graph *g, int training);
/* The first graph declares the parameters, which may have copies. */
void tfx_stage_declare_copies(const tfx_stage_builder *b, const tfx_graph *g);
/* Makes the program of it, and finishes the graph. */
void tfx_stage_finish_graph(const tfx_stage_builder *b, tfx_graph *g, tfx_program_kind kind, tfx_stage_outputs o);
/* The first node that the backend cannot execute, or NULL. */
const tfx_node *tfx_stage_find_unsupported(const tfx_stage_builder *b, const tfx_program *p);

/* ---- one position after the other (stage_extension.c) ---- */

void tfx_stage_add_extensions(tfx_stage_plan *s);
/* Whether there are both programs. */
int tfx_stage_build_extensions(const tfx_stage_builder *b);

#endif
