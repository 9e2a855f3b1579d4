/* Whether a layer grows: for each option that makes its parameters larger, by the plainest map that adds to them nothing that the
 * function sees. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/growth_case.h"

#define LOGIT_TOLERANCE 1e-4

/* A model with the layer as its feed-forward layer, and one of its options changed. Heap. */
static char *model_text(const tfx_subject *s, const char *key, int64_t value)
{
    tfx_text t = {0};
    tfx_text_add(&t,
                 "n_blocks = 2\ndim = 8\ncontext = 6\nvocab = 11\nblocks = block_prenorm\nblocks.mixer = attention\n"
                 "blocks.mixer.heads = 2\nblocks.ffn = %s\n",
                 s->info.name);
    for (size_t i = 0; i < s->n_settings; i++)
        if (!key || strcmp(s->settings[i].key, key))
            tfx_text_add(&t, "blocks.ffn.%s = %s\n", s->settings[i].key, s->settings[i].value);
    if (key)
        tfx_text_add(&t, "blocks.ffn.%s = %" PRId64 "\n", key, value);
    return t.s;
}

/* How many parameters have another shape. */
static int n_grown(const tfx_growth_case *c)
{
    int n = 0;
    for (uint32_t i = 0; i < c->to->state.n; i++) {
        const tfx_state_tensor *t = &c->to->state.tensors[i];
        uint32_t at = tfx_state_find(&c->from->state, t->name);
        n += t->kind == TFX_STATE_PARAM && at != TFX_STATE_NONE &&
             (c->from->state.tensors[at].n_dims != t->n_dims ||
              memcmp(c->from->state.tensors[at].dims, t->dims, t->n_dims * sizeof(*t->dims)));
    }
    return n;
}

/* Which parameters have become larger, by their names: along the axis that they name, and along others. */
typedef struct axes {
    char **along, **across;
    size_t n_along, cap_along, n_across, cap_across;
} axes;

static void note_axes(const tfx_growth_case *c, axes *a)
{
    for (uint32_t i = 0; i < c->to->state.n; i++) {
        const tfx_state_tensor *t = &c->to->state.tensors[i];
        uint32_t at = tfx_state_find(&c->from->state, t->name);
        for (uint32_t d = 0; t->kind == TFX_STATE_PARAM && t->grow_axis >= 0 && at != TFX_STATE_NONE && d < t->n_dims;
             d++)
            if (c->from->state.tensors[at].n_dims == t->n_dims && c->from->state.tensors[at].dims[d] != t->dims[d]) {
                if ((int)d == t->grow_axis)
                    *TFX_APPEND(a->along, a->n_along, a->cap_along) = tfx_strdup(t->name);
                else
                    *TFX_APPEND(a->across, a->n_across, a->cap_across) = tfx_strdup(t->name);
            }
    }
}

/* A parameter that only ever grows along another axis than it says. */
static void check_axes(tfx_subject *s, axes *a)
{
    for (size_t i = 0; i < a->n_across; i++) {
        int along = 0;
        for (size_t k = 0; k < a->n_along; k++)
            along |= !strcmp(a->along[k], a->across[i]);
        if (!along)
            tfx_say_fail(
                s, "%s names an axis along which it grows, and no option makes it larger there, but along another one",
                a->across[i]);
    }
    for (size_t i = 0; i < a->n_across; i++)
        free(a->across[i]);
    for (size_t i = 0; i < a->n_along; i++)
        free(a->along[i]);
    free(a->across);
    free(a->along);
}

/* What became of an option that was doubled, added to `text`. */
static void grow_by(tfx_subject *s, const tfx_option *o, int64_t value, tfx_text *text, axes *a)
{
    static const char scaling[] = "operator = slots\noperator.keys = normal\noperator.values = zero\n";
    tfx_growth_case c;
    tfx_error err = {0};
    tfx_growth_claim claim = {0};
    double off = 0, size = 0;
    char *from = model_text(s, o->name, value), *to = model_text(s, o->name, 2 * value);
    tfx_growth_map *map = NULL;
    tfx_say_doing(s, "growing %s from %" PRId64 " to %" PRId64, o->name, value, 2 * value);
    if (tfx_growth_case_open(&c, s->registry, from, to, scaling, &err) == TFX_OK && n_grown(&c)) {
        note_axes(&c, a);
        map = tfx_growth_case_map(&c, 1);
    }
    const char *comma = text->n ? "; " : "";
    if (map && tfx_growth_case_claim(&c, map, &claim) == TFX_OK) {
        if (claim.preserves && tfx_growth_case_compare(&c, map, 1, &off, &size) == TFX_OK &&
            !(off <= LOGIT_TOLERANCE * size))
            tfx_say_fail(s,
                         "%s from %" PRId64 " to %" PRId64
                         " keeps the function (%s); expected logits at most %.1e from those "
                         "of before, found %.1e",
                         o->name, value, 2 * value, claim.why, LOGIT_TOLERANCE * size, off);
        tfx_text_add(text, claim.preserves ? "%s%s keeps the function" : "%s%s may change the function", comma,
                     o->name);
    } else if (c.to && n_grown(&c)) {
        tfx_text_add(text, "%s%s is refused (%s)", comma, o->name, err.text);
    }
    if (!tfx_error_is_refusal(&err))
        tfx_say_fail(s, "growing %s: %s", o->name, err.text);
    tfx_growth_claim_finish(&claim);
    tfx_growth_map_destroy(map);
    tfx_growth_case_close(&c);
    free(from);
    free(to);
}

void tfx_rule_layer_growth(tfx_subject *s)
{
    tfx_text text = {0};
    tfx_error err = {0};
    tfx_growth_case c;
    axes a = {0};
    char *plain = model_text(s, NULL, 0);
    tfx_options *o = tfx_subject_options(s, &err);
    if (o && tfx_growth_case_open(&c, s->registry, plain, plain, "", &err) == TFX_OK) {
        tfx_growth_case_close(&c);
        for (size_t i = 0; i < s->info.n_options && !s->decided; i++) {
            const tfx_option *option = tfx_option_at(s->info.options, i);
            if (option->type != TFX_OPT_INT)
                continue;
            int64_t value = tfx_options_int(o, option->name);
            grow_by(s, option, value > 0 ? value : 8, &text, &a);
        }
        check_axes(s, &a);
        if (text.n)
            tfx_say_ok(s, "%s", text.s);
        else
            tfx_say_ok(s, "no option of its own makes its parameters larger");
    } else {
        if (o)
            tfx_growth_case_close(&c);
        tfx_say_skip(s, "it cannot be the feed-forward layer of a small model: %s", err.text);
    }
    tfx_options_destroy(o);
    tfx_text_free(&text);
    free(plain);
}
