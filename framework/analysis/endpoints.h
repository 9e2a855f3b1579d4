/* Endpoints: what runs came to and what that cost, from a database or a CSV file. Everything that is concluded about
 * arms starts here. */
#ifndef TFX_ANALYSIS_ENDPOINTS_H
#define TFX_ANALYSIS_ENDPOINTS_H

#include "framework/base/text.h"
#include "framework/store/store.h"

typedef enum tfx_cost_kind { TFX_COST_FLOPS = 0, TFX_COST_TOKENS, TFX_COST_SECONDS, TFX_N_COSTS } tfx_cost_kind;

/* "flops", "tokens" or "seconds"; -1 with a message that begins with `what`. */
int tfx_cost_kind_named(const char *word, const char *what, tfx_error *err);
extern const char *const tfx_cost_names[TFX_N_COSTS]; /* "flops", ...: as columns of the views begin */
extern const char *const tfx_cost_words[TFX_N_COSTS]; /* for people: "FLOPs", ... */

typedef struct tfx_endpoint {
    char *arm;
    int64_t seed;
    tfx_id run; /* 0: from a CSV file */
    int64_t stage;
    char *model, *data_order, *eval_hash; /* NULL: not known; the second is equal where runs may be paired */
    int decayed;                          /* 0: in the middle of a schedule; -1: not known */
    double parameters;                    /* NaN: not known */
    double loss;                          /* nats per token, finite */
    double incl[TFX_N_COSTS],
        excl[TFX_N_COSTS]; /* with what ancestors spent, and of the last stage alone; NaN: not known */
} tfx_endpoint;

/* A run that has no endpoint. */
typedef struct tfx_unfinished {
    char *arm, *status;
    int64_t seed;
} tfx_unfinished;

typedef struct tfx_endpoints {
    tfx_endpoint *items; /* in the order of arms, seeds, cost */
    size_t n, cap;
    tfx_unfinished *unfinished;
    size_t n_unfinished, cap_unfinished;
} tfx_endpoints;

/* The ends of all finished runs of an experiment; with `curve` every evaluation of any run in their place. */
tfx_status tfx_endpoints_read(tfx_endpoints *e, tfx_store *s, tfx_id experiment, int curve, tfx_error *err);
/* The same from a file that somebody wrote by hand: columns arm, loss, and any of seed, params, flops, tokens, seconds,
 * flops_excl, tokens_excl, seconds_excl. What is left out of the file is
 * in `notes`. */
tfx_status tfx_endpoints_read_csv(tfx_endpoints *e, const char *path, tfx_text *notes, tfx_error *err);
void tfx_endpoints_finish(tfx_endpoints *e);

/* Whether a selector names the arm: names separated by commas, in which `*` stands for any text. The name of an arm
 * that was swept stands for all of its points, NAME[...]. */
int tfx_arm_selected(const char *selector, const char *arm);

#endif
