#include "framework/conformance/loader_case.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/conformance/trial.h"

enum { GUARD = 64 };
#define GUARD_VALUE ((int32_t)0x7ead7ead)
#define UNWRITTEN (-7)

const char *tfx_split_word(tfx_split split)
{
    return split == TFX_SPLIT_VAL ? "VAL" : "TRAIN";
}

tfx_options *tfx_loader_options(tfx_subject *s)
{
    tfx_error err = {0};
    tfx_options *o = tfx_subject_options(s, &err);
    if (!o)
        tfx_say_fail(s, "%s", err.text);
    return o;
}

tfx_status tfx_loader_case_open(tfx_loader_case *c, const tfx_subject *s, const tfx_options *o, tfx_split split,
                                int64_t rows, int64_t context, uint64_t seed, tfx_error *err)
{
    *c = (tfx_loader_case){
        .cls = s->impl, .options = o, .rows = split == TFX_SPLIT_VAL ? 1 : rows, .context = context, .err = err};
    tfx_loader_config *config = TFX_NEW(tfx_loader_config);
    *config = (tfx_loader_config){sizeof(*config), o, split, c->rows, context, seed};
    size_t n = (size_t)(c->rows * context);
    c->room = TFX_NEW_ARRAY(int32_t, 2 * n + 3 * GUARD);
    c->inputs = c->room + GUARD;
    c->targets = c->inputs + n + GUARD;
    tfx_status status = tfx_call_loader_open(c->cls, config, &c->loader, err);
    memset(config, 0xa5, sizeof(*config)); /* it is lent for that call alone */
    free(config);
    if (status == TFX_OK)
        tfx_call_loader_info(c->cls, c->loader, &c->info, err);
    return err->status;
}

void tfx_loader_case_close(tfx_loader_case *c)
{
    tfx_call_loader_close(c->cls, c->loader);
    free(c->room);
    *c = (tfx_loader_case){0};
}

static tfx_status check_shift(tfx_loader_case *c)
{
    for (int64_t r = 0; r < c->rows; r++)
        for (int64_t t = 0; t + 1 < c->context; t++) {
            int64_t at = r * c->context + t;
            if (c->targets[at] != c->inputs[at + 1])
                return tfx_fail(c->err, TFX_E_DATA,
                                "batch %" PRIu64 ", row %" PRId64 ": the target at %" PRId64
                                " is %d; expected the input at %" PRId64 ", %d",
                                c->n_given, r, t, c->targets[at], t + 1, c->inputs[at + 1]);
        }
    return TFX_OK;
}

tfx_status tfx_loader_case_next(tfx_loader_case *c)
{
    int64_t n = c->rows * c->context, total = 2 * n + 3 * GUARD;
    for (int64_t i = 0; i < total; i++)
        c->room[i] = GUARD_VALUE;
    for (int64_t i = 0; i < n; i++)
        c->inputs[i] = c->targets[i] = UNWRITTEN;
    const tfx_batch batch = {c->rows, c->context, c->info.vocab, c->n_given, c->inputs, c->targets};
    if (tfx_call_loader_next_batch(c->cls, c->loader, &batch, "next_batch", c->err) != TFX_OK)
        return c->err->status;
    for (int64_t i = 0; i < total; i++) {
        const int32_t *p = &c->room[i];
        int inside = (p >= c->inputs && p < c->inputs + n) || (p >= c->targets && p < c->targets + n);
        if (!inside && *p != GUARD_VALUE)
            return tfx_fail(c->err, TFX_E_INTERNAL,
                            "batch %" PRIu64 ": `next_batch` wrote outside of inputs and targets, each of %" PRId64
                            " rows of %" PRId64,
                            c->n_given, c->rows, c->context);
    }
    if (check_shift(c) == TFX_OK)
        c->n_given++;
    return c->err->status;
}

uint64_t tfx_loader_case_hash(const tfx_loader_case *c)
{
    uint64_t h = 0;
    for (int64_t i = 0; i < c->rows * c->context; i++)
        h = tfx_random_u64(h, (uint64_t)(uint32_t)c->inputs[i], (uint64_t)(uint32_t)c->targets[i]);
    return h;
}

int64_t tfx_loader_case_rows(const tfx_loader_case *c, int64_t most)
{
    int64_t rows = c->info.n_tokens < 0 ? most : (c->info.n_tokens - 1) / c->context;
    return rows < most ? rows : most;
}

tfx_status tfx_trial_loader(const tfx_subject *s, const tfx_options *o, tfx_error *err)
{
    for (int k = 0; k < 2 && err->status == TFX_OK; k++) {
        tfx_loader_case c;
        if (tfx_loader_case_open(&c, s, o, k ? TFX_SPLIT_VAL : TFX_SPLIT_TRAIN, 2, 8, 1, err) == TFX_OK &&
            tfx_loader_case_next(&c) == TFX_OK) {
            tfx_loader_position p;
            if (tfx_call_loader_tell(c.cls, c.loader, &p, "tell", err) == TFX_OK &&
                tfx_call_loader_seek(c.cls, c.loader, &p, "seek", err) == TFX_OK)
                tfx_loader_case_next(&c);
        }
        tfx_loader_case_close(&c);
    }
    return err->status;
}
