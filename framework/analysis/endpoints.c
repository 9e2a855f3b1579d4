#include "framework/analysis/endpoints.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/store/queries.h"

const char *const tfx_cost_names[TFX_N_COSTS] = {"flops", "tokens", "seconds"};
const char *const tfx_cost_words[TFX_N_COSTS] = {"FLOPs", "tokens", "seconds"};

int tfx_cost_kind_named(const char *word, const char *what, tfx_error *err)
{
    tfx_suggest known = {.name = word};
    int found = -1;
    for (int i = 0; i < TFX_N_COSTS; i++) {
        tfx_suggest_add(&known, "%s", tfx_cost_names[i]);
        if (!strcmp(word, tfx_cost_names[i]))
            found = i;
    }
    if (found < 0)
        tfx_fail(err, TFX_E_INVALID, "%s: expected flops, tokens or seconds, found '%s'", what, word);
    tfx_suggest_end(&known, NULL, err);
    return found;
}

tfx_status tfx_endpoints_read(tfx_endpoints *e, tfx_store *s, tfx_id experiment, int curve, tfx_error *err)
{
    tfx_rows *q = tfx_query_endpoints(s, experiment, curve, err);
    while (tfx_rows_next(q, err)) {
        tfx_endpoint *p = TFX_APPEND(e->items, e->n, e->cap);
        p->arm = tfx_rows_copy(q, TFX_ENDPOINT_ARM, err);
        p->seed = tfx_rows_int(q, TFX_ENDPOINT_SEED, INT64_MIN, err);
        p->run = tfx_rows_id(q, TFX_ENDPOINT_RUN, err);
        p->stage = tfx_rows_int(q, TFX_ENDPOINT_STAGE, 0, err);
        p->model = tfx_rows_copy(q, TFX_ENDPOINT_MODEL, err);
        p->parameters = tfx_rows_real(q, TFX_ENDPOINT_PARAMETERS, err);
        p->loss = tfx_rows_real(q, TFX_ENDPOINT_LOSS, err);
        p->decayed = tfx_rows_is_null(q, TFX_ENDPOINT_DECAYED) ? -1
                                                               : tfx_rows_int(q, TFX_ENDPOINT_DECAYED, 0, err) != 0;
        p->data_order = tfx_rows_copy(q, TFX_ENDPOINT_DATA_ORDER, err);
        p->eval_hash = tfx_rows_copy(q, TFX_ENDPOINT_EVAL_HASH, err);
        for (int k = 0; k < TFX_N_COSTS; k++) {
            p->incl[k] = tfx_rows_real(q, TFX_ENDPOINT_COSTS + 2 * k, err);
            p->excl[k] = tfx_rows_real(q, TFX_ENDPOINT_COSTS + 2 * k + 1, err);
        }
    }
    tfx_rows_close(q);
    if (err->status != TFX_OK)
        return err->status;
    q = tfx_query_unfinished(s, experiment, err);
    while (tfx_rows_next(q, err)) {
        tfx_unfinished *u = TFX_APPEND(e->unfinished, e->n_unfinished, e->cap_unfinished);
        *u = (tfx_unfinished){tfx_rows_copy(q, 0, err), tfx_rows_copy(q, 2, err), tfx_rows_int(q, 1, INT64_MIN, err)};
    }
    tfx_rows_close(q);
    return err->status;
}

void tfx_endpoints_finish(tfx_endpoints *e)
{
    for (size_t i = 0; i < e->n; i++) {
        free(e->items[i].arm);
        free(e->items[i].model);
        free(e->items[i].data_order);
        free(e->items[i].eval_hash);
    }
    for (size_t i = 0; i < e->n_unfinished; i++) {
        free(e->unfinished[i].arm);
        free(e->unfinished[i].status);
    }
    free(e->items);
    free(e->unfinished);
    *e = (tfx_endpoints){0};
}

/* `*` stands for any text; the pattern ends at `end`. */
static int matches(const char *pattern, const char *end, const char *text)
{
    if (pattern == end)
        return !*text || *text == '['; /* a point of a swept arm */
    if (*pattern == '*') {
        for (;; text++)
            if (matches(pattern + 1, end, text))
                return 1;
            else if (!*text)
                return 0;
    }
    return *pattern == *text && matches(pattern + 1, end, text + 1);
}

int tfx_arm_selected(const char *selector, const char *arm)
{
    if (!strcmp(selector, arm)) /* in a table, a name may have commas */
        return *arm != 0;
    while (*selector) {
        /* The commas in small[lr=2e-3,batch=16] are part of the name. */
        const char *end = selector;
        for (int depth = 0; *end && (*end != ',' || depth); end++)
            depth += (*end == '[') - (*end == ']');
        const char *from = selector + strspn(selector, " "), *to = end;
        while (to > from && to[-1] == ' ')
            to--;
        if (to > from && matches(from, to, arm))
            return 1;
        selector = *end ? end + 1 : end;
    }
    return 0;
}
