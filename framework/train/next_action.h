/* Next action: what a run does next, decided from where it stands alone. It touches nothing, so that every
 * order of events can be tested.
 *
 * What is due at a step is made before the next one: an evaluation, then the policy's decision, which may rest
 * on it, then a checkpoint. So a run that was interrupted first makes up for what it left out. */
#ifndef TFX_TRAIN_NEXT_ACTION_H
#define TFX_TRAIN_NEXT_ACTION_H

#include <stdint.h>

typedef enum tfx_action {
    TFX_ACTION_EVALUATE,
    TFX_ACTION_STEP,
    TFX_ACTION_DECIDE,     /* whether the stage ends here, before its planned end */
    TFX_ACTION_CHECKPOINT, /* a periodic one, or one that others start from */
    TFX_ACTION_END_STAGE,  /* the checkpoint that a stage ends with */
    TFX_ACTION_GROW,       /* and the checkpoint that the next stage begins with */
    TFX_ACTION_END,        /* nothing: the run is over */
    TFX_ACTION_SAVE,       /* the checkpoint of an interruption */
    TFX_ACTION_STOP,       /* nothing: the run was interrupted, and can be resumed */
    TFX_ACTION_FAIL        /* nothing: training has diverged */
} tfx_action;

typedef struct tfx_run_state {
    int64_t step, stage_step; /* steps done in the run, in its current stage */
    int stage_done;           /* the stage has had all its steps, or the policy ends it */
    int last_stage;
    int branches;                         /* other arms start from this step */
    int evaluated;                        /* the model as it is now has been evaluated */
    int decided;                          /* the policy has been asked about this step */
    int saved;                            /* a checkpoint holds everything that there is now */
    int stop;                             /* somebody asks to stop */
    int diverged;                         /* the last step or evaluation gave a number that is not finite */
    int64_t eval_every, checkpoint_every; /* 0: only where a stage begins or ends */
} tfx_run_state;

/* Sets `evaluated`, `decided` and `saved` of a run that begins, or that a checkpoint with this last evaluation has brought
 * where it stands. At a stage's first step the evaluation is one of the model before it grew. */
void tfx_run_state_begin(tfx_run_state *s, int from_checkpoint, int64_t evaluated_step);

tfx_action tfx_next_action(const tfx_run_state *s);

/* What an action that was carried out means for `evaluated`, `decided` and `saved`. An evaluation that was given up, since
 * somebody asked to stop, was not carried out. */
void tfx_action_done(tfx_run_state *s, tfx_action a);

#endif
