/* What a growth operator makes of models that grow in several ways: a map, the same one for the same seed, or a refusal; and
 * a map of which it is claimed that it keeps the function keeps it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/growth_case.h"
#include "framework/conformance/trial.h"

#define TRANSFORMER(dim, n_blocks, heads, hidden) \
    "n_blocks = " n_blocks "\ndim = " dim \
    "\ncontext = 6\nvocab = 11\nblocks = block_prenorm\nblocks.mixer = attention\n" \
    "blocks.mixer.heads = " heads "\nblocks.ffn = mlp\nblocks.ffn.hidden = " hidden "\n"
#define TOKENFORMER(slots) \
    "n_blocks = 2\ndim = 8\ncontext = 6\nvocab = 11\nblocks = block_prenorm\nblocks.mixer = attention\n" \
    "blocks.mixer.heads = 2\nblocks.ffn = pattention\nblocks.ffn.slots = " slots "\n"

static const struct {
    const char *what, *from, *to;
} pairs[] = {
    {"a wider feed-forward layer", TRANSFORMER("8", "2", "2", "12"), TRANSFORMER("8", "2", "2", "24")},
    {"more blocks", TRANSFORMER("8", "2", "2", "12"), TRANSFORMER("8", "4", "2", "12")},
    {"a wider stream", TRANSFORMER("8", "2", "2", "12"), TRANSFORMER("16", "2", "4", "24")},
    {"more parameter tokens", TOKENFORMER("6"), TOKENFORMER("10")},
    {"more of everything", TRANSFORMER("8", "1", "2", "12"), TRANSFORMER("12", "3", "3", "20")},
    {"nothing", TRANSFORMER("8", "2", "2", "12"), TRANSFORMER("8", "2", "2", "12")},
    {"something smaller", TRANSFORMER("8", "2", "2", "12"), TRANSFORMER("8", "1", "2", "6")},
};
enum { N_PAIRS = sizeof(pairs) / sizeof(*pairs) };

/* The keys of [scaling] that choose the operator; heap. */
static char *scaling_text(const tfx_subject *s, const char *key, const char *value)
{
    tfx_text t = {0};
    tfx_text_add(&t, "operator = %s\n", s->info.name);
    for (size_t i = 0; i < s->n_settings; i++)
        if (!key || strcmp(key, s->settings[i].key))
            tfx_text_add(&t, "operator.%s = %s\n", s->settings[i].key, s->settings[i].value);
    if (key)
        tfx_text_add(&t, "operator.%s = %s\n", key, value);
    return t.s;
}

static tfx_status open_pair(tfx_growth_case *c, const tfx_subject *s, int pair, const char *key, const char *value,
                            tfx_error *err)
{
    char *scaling = scaling_text(s, key, value);
    tfx_growth_case_open(c, s->registry, pairs[pair].from, pairs[pair].to, scaling, err);
    free(scaling);
    return err->status;
}

/* Whether a message is about that option. */
static int is_about(const tfx_error *err, const char *key)
{
    char *named = key ? tfx_printf("%s:", key) : NULL;
    int about = named && strstr(err->text, named);
    free(named);
    return about;
}

/* The first pair that is mapped counts; where none is, the first refusal that is about the option, or the first of all. */
tfx_status tfx_trial_operator(const tfx_subject *s, const char *key, const char *value, tfx_error *err)
{
    tfx_error first = {0};
    for (int i = 0; i < N_PAIRS - 2; i++) {
        tfx_growth_case c;
        tfx_error why = {0};
        tfx_growth_map *map = open_pair(&c, s, i, key, value, &why) == TFX_OK ? tfx_growth_case_map(&c, 1) : NULL;
        tfx_growth_map_destroy(map);
        tfx_growth_case_close(&c);
        if (map)
            return TFX_OK;
        if (first.status == TFX_OK || !tfx_error_is_refusal(&why) || (is_about(&why, key) && !is_about(&first, key)))
            first = why;
        if (!tfx_error_is_refusal(&why))
            break;
    }
    return tfx_fail(err, first.status, "%s", first.text);
}

/* ---- rules ---- */

void tfx_rule_operator_map(tfx_subject *s)
{
    tfx_text refused = {0};
    int n_mapped = 0;
    for (int i = 0; i < N_PAIRS && !s->decided; i++) {
        tfx_growth_case c;
        tfx_error err = {0};
        tfx_say_doing(s, "growing into %s", pairs[i].what);
        tfx_growth_map *map = open_pair(&c, s, i, NULL, NULL, &err) == TFX_OK ? tfx_growth_case_map(&c, 1) : NULL;
        n_mapped += map != NULL;
        if (!map && !tfx_error_is_refusal(&err))
            tfx_say_fail(s, "growing into %s: %s", pairs[i].what, err.text);
        else if (!map)
            tfx_text_add(&refused, "%s%s (%s)", refused.n ? "; " : "", pairs[i].what, err.text);
        tfx_growth_map_destroy(map);
        tfx_growth_case_close(&c);
    }
    if (!n_mapped)
        tfx_say_skip(s, "it refuses all of the models that it is tried with; give options with --set: %s",
                     refused.s ? refused.s : "");
    tfx_say_ok(s, "%d of %d ways to grow%s%s", n_mapped, N_PAIRS, refused.s ? "; refused: " : "",
               refused.s ? refused.s : "");
    tfx_text_free(&refused);
}

void tfx_rule_operator_determinism(tfx_subject *s)
{
    int n = 0;
    for (int i = 0; i < N_PAIRS && !s->decided; i++) {
        tfx_growth_case c, other;
        tfx_error err = {0}, unused = {0};
        tfx_growth_map *first = open_pair(&c, s, i, NULL, NULL, &err) == TFX_OK ? tfx_growth_case_map(&c, 1) : NULL;
        tfx_growth_map *elsewhere = first ? tfx_growth_case_map(&c, 2) : NULL; /* another seed in between */
        tfx_growth_map *again = first ? tfx_growth_case_map(&c, 1) : NULL;
        if (first && open_pair(&other, s, i, NULL, NULL, &unused) == TFX_OK) {
            tfx_growth_map *later = tfx_growth_case_map(&other, 1);
            const char *differs = !again || !later                       ? "all of it"
                                  : tfx_growth_maps_differ(first, again) ? tfx_growth_maps_differ(first, again)
                                                                         : tfx_growth_maps_differ(first, later);
            if (differs)
                tfx_say_fail(s, "growing into %s: a second map for the same seed differs at %s", pairs[i].what,
                             differs);
            tfx_growth_map_destroy(later);
            n++;
        }
        if (first)
            tfx_growth_case_close(&other);
        tfx_growth_map_destroy(first);
        tfx_growth_map_destroy(elsewhere);
        tfx_growth_map_destroy(again);
        tfx_growth_case_close(&c);
    }
    tfx_say_ok(s, "%d maps, each the same for the same seed", n);
}

/* In f32, over two to four blocks. */
#define LOGIT_TOLERANCE 1e-4

void tfx_rule_operator_function(tfx_subject *s)
{
    int n = 0, n_kept = 0;
    double worst = 0;
    for (int i = 0; i < N_PAIRS && !s->decided; i++) {
        tfx_growth_case c;
        tfx_error err = {0};
        tfx_growth_claim claim = {0};
        double off = 0, size = 0;
        tfx_growth_map *map = open_pair(&c, s, i, NULL, NULL, &err) == TFX_OK ? tfx_growth_case_map(&c, 1) : NULL;
        tfx_say_doing(s, "computing the model that grew into %s", pairs[i].what);
        if (map && tfx_growth_case_claim(&c, map, &claim) == TFX_OK &&
            tfx_growth_case_compare(&c, map, claim.logit_factor, &off, &size) == TFX_OK) {
            n++;
            if (claim.logit_factor != 0) {
                n_kept++;
                worst = fmax(worst, off / size);
                if (!(off <= LOGIT_TOLERANCE * size))
                    tfx_say_fail(
                        s,
                        "growing into %s: logits are to be %g times what they were; expected at most %.1e from that, "
                        "found %.1e",
                        pairs[i].what, claim.logit_factor, LOGIT_TOLERANCE * size, off);
            } else if (!isfinite(off)) {
                tfx_say_fail(s, "growing into %s: expected a finite model, found logits that are not", pairs[i].what);
            }
        } else if (map) {
            tfx_say_fail(s, "growing into %s: %s", pairs[i].what, err.text);
        }
        tfx_growth_claim_finish(&claim);
        tfx_growth_map_destroy(map);
        tfx_growth_case_close(&c);
    }
    if (n_kept)
        tfx_say_ok(s, "%d of %d maps are to keep the function, and do (logits off by %.1e at most)", n_kept, n, worst);
    tfx_say_ok(s, "none of %d maps is said to keep the function; all give finite models", n);
}
