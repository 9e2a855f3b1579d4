/* Calls of data loaders; see call.h. */
#ifndef TFX_PLUGIN_LOADER_CALLS_H
#define TFX_PLUGIN_LOADER_CALLS_H

#include "framework/plugin/calls/call.h"
#include "tfx/loader.h"

/* *out is NULL on error. */
tfx_status tfx_call_loader_open(const tfx_loader_class *cls, const tfx_loader_config *config, tfx_loader **out,
                                tfx_error *err);
void tfx_call_loader_close(const tfx_loader_class *cls, tfx_loader *l); /* NULL: nothing happens */
void tfx_call_loader_close_nothing(const tfx_loader_class *cls); /* with NULL, which every plugin has to accept */
tfx_status tfx_call_loader_info(const tfx_loader_class *cls, const tfx_loader *l, tfx_loader_info *out, tfx_error *err);
/* TFX_LOADER_* of the class. */
uint32_t tfx_loader_flags(const tfx_loader_class *cls);

/* A batch to fill. */
typedef struct tfx_batch {
    int64_t rows, context, vocab;
    uint64_t index;            /* for messages */
    int32_t *inputs, *targets; /* [rows, context] */
} tfx_batch;

/* Every token is in [0, vocab) afterwards: one that the embedding has no row for would read outside of
 * its table. Messages start with `what`, here and below. */
tfx_status tfx_call_loader_next_batch(const tfx_loader_class *cls, tfx_loader *l, const tfx_batch *batch,
                                      const char *what, tfx_error *err);
tfx_status tfx_call_loader_tell(const tfx_loader_class *cls, const tfx_loader *l, tfx_loader_position *out,
                                const char *what, tfx_error *err);
tfx_status tfx_call_loader_seek(const tfx_loader_class *cls, tfx_loader *l, const tfx_loader_position *pos,
                                const char *what, tfx_error *err);

#endif
