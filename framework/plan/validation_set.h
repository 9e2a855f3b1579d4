/* Validation set: which tokens of the validation split are evaluated.
 *
 * It depends on the split and on data.eval_tokens alone, so that every arm, stage and batch size is scored
 * on the same text. The set consists of pieces of equal length, spread evenly over the split. Their length
 * is a power of two: contexts that divide it cut the same tokens into windows of their own length. */
#ifndef TFX_PLAN_VALIDATION_SET_H
#define TFX_PLAN_VALIDATION_SET_H

#include <stdint.h>

#include "framework/base/error.h"

/* A window is a row of `context` tokens and the same number of targets; the split's windows are numbered in its
 * order, and window k predicts the tokens from k * context + 1 on. */
typedef struct tfx_validation_set {
    int64_t split_tokens; /* -1: unlimited */
    int64_t context;
    int64_t tokens;         /* targets that count, each once */
    int64_t windows;        /* that hold them; of the last one only the first targets may count */
    int64_t piece_windows;  /* windows of a piece */
    int64_t pieces, places; /* the pieces lie in so many places of the split that could hold one */
} tfx_validation_set;

/* The set for `asked` tokens of a split. Where the split is smaller, all of its whole windows. Fails when it
 * has none. */
tfx_status tfx_validation_set_choose(tfx_validation_set *set, int64_t split_tokens, int64_t context, int64_t asked,
                                     tfx_error *err);

/* The window of the split that is number `i` of the set; they increase. */
int64_t tfx_validation_set_window(const tfx_validation_set *set, int64_t i);

/* Whether both are the same tokens, however they are cut into windows. */
int tfx_validation_set_same(const tfx_validation_set *a, const tfx_validation_set *b);

/* One sentence about the set for people, as a heap string. */
char *tfx_validation_set_text(const tfx_validation_set *set, int64_t asked);

#endif
