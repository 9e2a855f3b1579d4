/* Related: what a value of one graph is in terms of another graph's (proof.h). */
#ifndef TFX_GRAPH_RELATED_H
#define TFX_GRAPH_RELATED_H

#include "framework/graph/graph.h"
#include "framework/graph/relation.h"

/* What a value of the new graph is. */
typedef enum tfx_related_kind {
    TFX_UNRELATED, /* not known to be anything; `why` */
    TFX_ZERO,
    TFX_RELATED /* factor * scales * old[indices] */
} tfx_related_kind;

typedef struct tfx_related {
    tfx_related_kind kind;
    tfx_value old; /* a value of the old graph; its dimensions and those of this one are aligned from the right.
                      TFX_POISON stands for the number 1 */
    double factor;
    const tfx_relation *dims[TFX_MAX_DIMS];
    int filled;      /* of a parameter: one ANY makes it anything, also where another dimension has ZERO */
    const char *why; /* it is not; lives as long as the proof */
    int absent;      /* the old graph does not have it, which does no harm unless it is used */
} tfx_related;

#endif
