/* Layer case: a layer by itself, built at some size on a bench. */
#ifndef TFX_CONFORMANCE_LAYER_CASE_H
#define TFX_CONFORMANCE_LAYER_CASE_H

#include "framework/conformance/bench.h"
#include "framework/conformance/made_up.h"
#include "framework/graph/reports.h"
#include "framework/spec/tree.h"

typedef struct tfx_layer_size {
    int64_t batch, time, width, out;
} tfx_layer_size;

enum { TFX_CASE_VOCAB = 32, TFX_CASE_CONTEXT = 16, TFX_CASE_BLOCKS = 2 };

/* A size that most layers take. */
#define TFX_PLAIN_SIZE ((tfx_layer_size){2, 6, 8, 8})

typedef struct tfx_layer_case {
    tfx_subject *s;
    tfx_bench bench;
    tfx_layer_config *config;
    int64_t dim;    /* of the model, where that is not the width of the input; 0: it is */
    int tokens;     /* it takes tokens, as an embedding does, not activations */
    int lowers;     /* custom ops are lowered, as where there is no kernel */
    tfx_value x, y; /* of the last build */
    tfx_reports reports;
    tfx_error err; /* the bench's */
} tfx_layer_case;

/* Opens a backend, and finds out what the layer takes. An error says that no plain size is possible. Close it in any case. */
tfx_status tfx_layer_case_open(tfx_layer_case *c, tfx_subject *s, int threads);
void tfx_layer_case_close(tfx_layer_case *c);

/* Builds it anew; c->y is TFX_POISON, and c->err says why, where that fails. Of a training graph c->x counts as a parameter,
 * so that it has a gradient. */
tfx_status tfx_layer_case_build(tfx_layer_case *c, tfx_layer_size size, int training);
/* The plain size with a layer in a socket that refuses to be built. */
tfx_status tfx_layer_case_build_refused(tfx_layer_case *c, const char *socket);
/* Gives parameters and input their numbers. */
void tfx_layer_case_fill(tfx_layer_case *c, uint64_t seed);

/* The first number in a graph that a layer gave the builder and that is not finite: the op that has it; NULL: none. */
const char *tfx_layer_not_finite(const tfx_graph *g);

/* "batch 2, time 6, width 8, output 8" into buf (at least 100 bytes), which it returns. */
const char *tfx_layer_size_text(const tfx_layer_size *size, char *buf);

#endif
