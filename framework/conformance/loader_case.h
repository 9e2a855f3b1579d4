/* Loader case: an instance of a loader with room for its batches, guarded on both sides. */
#ifndef TFX_CONFORMANCE_LOADER_CASE_H
#define TFX_CONFORMANCE_LOADER_CASE_H

#include "framework/conformance/made_up.h"
#include "framework/plugin/calls/loader_calls.h"

typedef struct tfx_loader_case {
    const tfx_loader_class *cls;
    const tfx_options *options; /* not owned */
    tfx_loader *loader;
    tfx_loader_info info;
    int64_t rows, context;
    int32_t *room;             /* of both, with what guards them */
    int32_t *inputs, *targets; /* [rows, context] */
    uint64_t n_given;
    tfx_error *err;
} tfx_loader_case;

const char *tfx_split_word(tfx_split split); /* "TRAIN", "VAL" */
/* The options of the class, or NULL with a verdict. */
tfx_options *tfx_loader_options(tfx_subject *s);

/* VAL has one row per batch, as the host opens it. Close it in any case. */
tfx_status tfx_loader_case_open(tfx_loader_case *c, const tfx_subject *s, const tfx_options *o, tfx_split split,
                                int64_t rows, int64_t context, uint64_t seed, tfx_error *err);
void tfx_loader_case_close(tfx_loader_case *c);

/* The next batch, checked: targets are shifted inputs, and nothing outside of them was written. */
tfx_status tfx_loader_case_next(tfx_loader_case *c);
/* A number for what a batch holds. */
uint64_t tfx_loader_case_hash(const tfx_loader_case *c);

/* Rows that the host may take of a VAL split: at most `most`. */
int64_t tfx_loader_case_rows(const tfx_loader_case *c, int64_t most);

#endif
