/* Units of a program, described for people: what the backend executes one after the other, whose work each of them is, what it
 * gives, what it costs, and how long that stays in memory. */
#ifndef TFX_PLAN_UNITS_H
#define TFX_PLAN_UNITS_H

#include "framework/plan/stage.h"

/* Which part of a step a unit belongs to. */
typedef enum tfx_unit_pass {
    TFX_PASS_FORWARD,
    TFX_PASS_AGAIN, /* the forward pass of a block, once more for the backward pass */
    TFX_PASS_BACKWARD,
    TFX_PASS_UPDATE, /* gradient norm, clipping and optimizer */
    TFX_N_PASSES
} tfx_unit_pass;

extern const char *const tfx_unit_pass_names[TFX_N_PASSES];

/* A value that is in memory when the unit is done. */
typedef struct tfx_unit_result {
    tfx_value value;
    const tfx_tensor *tensor;
    uint64_t bytes;
    uint32_t last_read; /* as tfx_placement.last_read */
    int kept;           /* made by the forward pass, and still to be read by the backward pass when that is done */
    uint32_t state;     /* the tensor of the state that it becomes; TFX_STATE_NONE: it is in the arena */
} tfx_unit_result;

typedef struct tfx_unit_info {
    const tfx_step *step;
    tfx_unit_pass pass; /* of its first node that costs something */
    uint32_t *sites; /* [n_sites]: numbers in tfx_stage_plan.sites, in the order of its nodes; none: the host itself */
    uint32_t n_sites;
    char *ops;         /* "add layer_norm mul (again: silu)": its ops in order, those that cost nothing left out */
    double flops;      /* without recomputation */
    double recomputed; /* what recomputation adds */
    tfx_unit_result *results;
    uint32_t n_results;
    uint64_t arena_bytes, kept_bytes; /* of its results; of those that are kept */
    uint64_t live;                    /* bytes of the arena that are taken while it is executed */
    uint32_t *reads;                  /* [n_reads]: units whose results it reads, ascending, each once */
    uint32_t n_reads;
} tfx_unit_info;

typedef struct tfx_unit_list {
    const tfx_stage_plan *stage;
    tfx_program_kind kind;
    const tfx_placement *placement;
    tfx_unit_info *items; /* in order of execution */
    uint32_t n;
    uint32_t peak; /* the unit with most of the arena taken */
} tfx_unit_list;

/* The programs by name: "step", "accumulate", ...; NULL: none that a run executes. */
const char *tfx_program_name(tfx_program_kind kind);
/* The program of that name, which the stage has; NULL: its pass. TFX_N_PROGRAMS with a message. */
tfx_program_kind tfx_stage_find_program(const tfx_stage_plan *s, const char *name, tfx_error *err);

/* The stage outlives it. */
void tfx_units_describe(tfx_unit_list *l, const tfx_stage_plan *s, tfx_program_kind kind);
void tfx_units_finish(tfx_unit_list *l);

/* "gelu_erf_grad", or the id of a custom op. */
const char *tfx_node_name(const tfx_node *n, char *buf, size_t size);

#endif
