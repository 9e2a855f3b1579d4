/* Proof words: what a proof says of itself: what its argument rests on, and where it ends. Internal to framework/graph. */
#ifndef TFX_GRAPH_PROOF_WORDS_H
#define TFX_GRAPH_PROOF_WORDS_H

#include "framework/base/error.h"
#include "framework/base/name_table.h"
#include "framework/graph/related.h"

/* What an argument can rest on, besides equal computation. */
typedef enum tfx_fact {
    TFX_FACT_COPIES,      /* copies are summed with weights that add up to what one had */
    TFX_FACT_ZEROS,       /* what is new is zero, or meets zeros, where it is summed */
    TFX_FACT_NORM,        /* a norm divides by what it divided by before */
    TFX_FACT_ZERO_WRITER, /* a layer adds zero */
    TFX_N_FACTS
} tfx_fact;

typedef struct tfx_proof_words {
    const tfx_graph *now;     /* the new graph, whose layers are named */
    tfx_relations *relations; /* which own the texts */
    tfx_name_table facts[TFX_N_FACTS];
    char **fact_names[TFX_N_FACTS];
    size_t n_facts[TFX_N_FACTS], cap_facts[TFX_N_FACTS];
} tfx_proof_words;

void tfx_proof_words_finish(tfx_proof_words *w);

/* A node's result that is not known; its layer and op are put before the text. */
tfx_related tfx_proof_no(const tfx_proof_words *w, const tfx_graph_node *n, const char *fmt, ...) TFX_PRINTF(3, 4);
/* `name` of a dimension or a layer; NULL is not noted. */
void tfx_proof_note(tfx_proof_words *w, tfx_fact fact, const char *name);
/* All that was noted, as one sentence; the relations'. */
const char *tfx_proof_argument(const tfx_proof_words *w);

/* "layer blocks.3.ffn.up (linear)": the innermost layer that emitted a node of the new graph; NULL: none did. */
const char *tfx_proof_layer(const tfx_graph *now, uint32_t node);

#endif
