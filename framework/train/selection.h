/* Selection: the runs of an experiment that a command is about: those of some arms and seeds, or all. */
#ifndef TFX_TRAIN_SELECTION_H
#define TFX_TRAIN_SELECTION_H

#include "framework/store/store.h"
#include "framework/spec/experiment.h"

typedef struct tfx_selection {
    const tfx_experiment *experiment; /* not owned */
    char *arms, *seeds;               /* per arm and per seed of the experiment: whether it is executed */
    char *needed;                     /* per arm: only because one that was chosen starts from it */
    int all;
} tfx_selection;

/* The runs of arms with these names, for a swept one of all its points, and of seeds written like this; none of a kind means all of that kind. On
 * error, with a message that names the nearest arm or all seeds, there is nothing to free. */
tfx_status tfx_selection_create(tfx_selection *s, const tfx_experiment *e, const char *const *arms, size_t n_arms,
                                const char *const *seeds, size_t n_seeds, tfx_error *err);
void tfx_selection_finish(tfx_selection *s);

size_t tfx_selection_n_seeds(const tfx_selection *s);

/* The chosen runs of a row of this experiment, in the order of their execution: fills *ids (malloced). With `needed`
 * also those that they start from. */
tfx_status tfx_selection_runs(const tfx_selection *s, tfx_store *store, tfx_id experiment, int needed, tfx_id **ids,
                              size_t *n, tfx_error *err);
/* What a run is called in what people read: "tokenformer seed 1", or the arm alone where there is one seed. */
void tfx_run_label(char *buf, size_t size, const tfx_experiment *e, const tfx_run_info *run);

/* Whether runs of this arm are executed only because others start from them. */
int tfx_selection_needs(const tfx_selection *s, const char *arm);

#endif
