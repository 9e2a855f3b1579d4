/* Start: what an arm starts from where that is not its initialisation: a checkpoint that another run leaves, or has
 * left.
 *
 *   start = arm:NAME@POINT       the run of that arm with the same seed, in the same experiment
 *   start = run:ID@POINT         a run of the database
 *   start = checkpoint:PATH      the folder of a checkpoint, of any database
 *
 * POINT is step:N, stage:K (the end of that stage) or end. */
#ifndef TFX_SPEC_START_H
#define TFX_SPEC_START_H

#include "framework/base/error.h"
#include "framework/plugin/options.h"

struct tfx_arm;

typedef enum tfx_start_kind {
    TFX_START_INIT = 0, /* of the model: no other run */
    TFX_START_ARM,
    TFX_START_RUN,
    TFX_START_CHECKPOINT
} tfx_start_kind;

typedef enum tfx_start_point { TFX_POINT_STEP = 1, TFX_POINT_STAGE, TFX_POINT_END } tfx_start_point;

typedef struct tfx_start {
    tfx_start_kind kind;
    tfx_start_point point; /* of ARM and RUN */
    int64_t number;        /* of the step, from 1, or of the stage */
    int64_t run;           /* of RUN */
    char *name;            /* of ARM: the arm's name; of RUN: its id; of CHECKPOINT: the absolute path */
    const struct tfx_arm *arm;
    int keep_optimizer; /* otherwise its state is as at initialisation */
    int continue_data;  /* otherwise training data begin from their beginning */
    const char *file;   /* where the spec says it */
    int line;
} tfx_start;

/* Reads the settings `start` (NULL or empty: the initialisation) and the resolved options of an arm. The arm that it
 * names is not looked up. On error, too, tfx_start_finish. */
tfx_status tfx_start_read(tfx_start *out, const tfx_setting *start, const tfx_options *arm, tfx_error *err);
/* Reads what tfx_start_text wrote, and no more than that: the start of an arm as the database has it. */
tfx_status tfx_start_parse(tfx_start *out, const char *text, tfx_error *err);
void tfx_start_finish(tfx_start *s);

/* As a spec says it, but with an absolute path; heap. */
char *tfx_start_text(const tfx_start *s);

/* Puts "FILE:LINE: start" before a message that has no place yet. */
void tfx_start_locate(const tfx_start *s, tfx_error *err);

#endif
