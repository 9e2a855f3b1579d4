/* Train values: [train] with an arm's overrides, as the numbers that the trainer uses. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/plugin/option_text.h"
#include "framework/spec/declarations.h"
#include "framework/spec/group_values.h"
#include "framework/spec/keys.h"
#include "framework/spec/overlay.h"
#include "framework/spec/section_values.h"

/* The keys of [train] under those of the arm that start with "train.". */
static tfx_ini_section merge(const tfx_registry *registry, const tfx_ini_section *train, const tfx_ini_section *arm)
{
    const tfx_ini_section *place = train ? train : arm;
    tfx_ini_section all = {.kind = "train", .file = place->file, .line = place->line}, over = {0};
    if (train)
        tfx_section_set_all(&all, train->keys, train->n_keys);
    for (size_t i = 0; i < arm->n_keys; i++) {
        if (!tfx_key_below(arm->keys[i].key, "train"))
            continue;
        tfx_setting s = arm->keys[i];
        s.key += strlen("train.");
        tfx_section_set(&over, &s);
    }
    tfx_section_overlay(registry, NULL, &all, over.keys, over.n_keys);
    free(over.keys);
    return all;
}

/* One of the three ways to say how long. An arm that grows may have a policy that says it; whether that does is known
 * when its stages are planned. */
static tfx_status check_length(const tfx_train_config *t, const tfx_ini_section *s, const tfx_ini_section *arm,
                               tfx_error *err)
{
    static const char *const keys[] = {"steps", "tokens", "flops"};
    const int said[] = {t->steps > 0, t->tokens > 0, t->flops > 0};
    const tfx_setting *scaling = tfx_section_find(arm, "scaling");
    const char *first = NULL;
    int zero = 0;
    for (int i = 0; i < 3; i++) {
        zero |= tfx_section_find(s, keys[i]) != NULL;
        if (said[i] && first)
            return tfx_fail_keys(err, t->options, s, arm, TFX_KEYS(keys[i]),
                                 "%s: expected one of steps, tokens and flops; found %s and %s", keys[i],
                                 tfx_section_find(s, first)->value, tfx_section_find(s, keys[i])->value);
        first = said[i] ? keys[i] : first;
    }
    if (first || t->budget.of || (scaling && *scaling->value))
        return TFX_OK;
    return tfx_fail_keys(err, t->options, s, arm, TFX_KEYS(keys[0], keys[1], keys[2]),
                         "steps: expected integer, 1 to 1T, or else tokens or flops; found %s",
                         zero ? "\"0\"" : "none of them");
}

static tfx_status check(const tfx_train_config *t, const tfx_ini_section *s, const tfx_ini_section *arm, tfx_error *err)
{
    const tfx_options *o = t->options;
    if (!(t->lr > 0))
        return tfx_fail_keys(err, o, s, arm, TFX_KEYS("lr"), "lr: expected a number above 0; found %g", t->lr);
    if (!(t->min_lr >= 0 && t->min_lr <= t->lr))
        return tfx_fail_keys(err, o, s, arm, TFX_KEYS("min_lr", "lr"),
                             "min_lr: expected a number from 0 to lr (%g); found %g", t->lr, t->min_lr);
    if (t->micro_batch > t->batch || t->batch % t->micro_batch)
        return tfx_fail_keys(err, o, s, arm, TFX_KEYS("micro_batch", "batch"),
                             "micro_batch: expected a divisor of batch (%lld); found %lld", (long long)t->batch,
                             (long long)t->micro_batch);
    if (t->mup && !*tfx_options_string(o, "mup_base"))
        return tfx_fail_keys(
            err, o, s, arm, TFX_KEYS("mup_base", "parametrization"),
            "mup_base: expected the [model NAME] for which lr and initial weights are as written, since "
            "parametrization is mup; found nothing");
    if (check_length(t, s, arm, err) != TFX_OK)
        return err->status;
    if (t->warmup >= 1 && t->warmup != floor(t->warmup))
        return tfx_fail_keys(err, o, s, arm, TFX_KEYS("warmup"),
                             "warmup: expected a fraction below 1, or a whole number of steps; found %.15g", t->warmup);
    /* A rounding error's worth of overlap (0.7 and 0.3) is none. */
    if (t->schedule == TFX_LR_WSD && t->warmup < 1 && t->warmup + t->decay_fraction > 1 + 1e-9)
        return tfx_fail_keys(err, o, s, arm, TFX_KEYS("decay_fraction", "warmup", "schedule"),
                             "decay_fraction: expected at most 1 together with warmup; found %g and %g",
                             t->decay_fraction, t->warmup);
    return TFX_OK;
}

tfx_lr_schedule tfx_lr_schedule_named(const char *word)
{
    for (int i = 0; tfx_spec_schedules[i]; i++)
        if (!strcmp(tfx_spec_schedules[i], word))
            return (tfx_lr_schedule)(TFX_LR_CONSTANT + i);
    return (tfx_lr_schedule)0;
}

static tfx_recompute recompute_named(const char *word)
{
    int i = 0;
    while (strcmp(tfx_spec_recomputes[i], word) != 0)
        i++; /* it is one of them: that was checked */
    return (tfx_recompute)i;
}

static void read_numbers(tfx_train_config *t)
{
    const tfx_options *o = t->options;
    t->steps = tfx_options_int(o, "steps");
    t->tokens = tfx_options_int(o, "tokens");
    t->flops = tfx_options_real(o, "flops");
    t->batch = tfx_options_int(o, "batch");
    t->micro_batch = tfx_options_int(o, "micro_batch");
    t->lr = tfx_options_real(o, "lr");
    t->min_lr = tfx_options_real(o, "min_lr");
    t->schedule = tfx_lr_schedule_named(tfx_options_string(o, "schedule"));
    t->warmup = tfx_options_real(o, "warmup");
    t->decay_fraction = tfx_options_real(o, "decay_fraction");
    t->clip = tfx_options_real(o, "clip");
    t->recompute = recompute_named(tfx_options_string(o, "recompute"));
    t->compute = strcmp(tfx_options_string(o, "compute"), "bf16") ? TFX_F32 : TFX_BF16;
    t->gradients = strcmp(tfx_options_string(o, "gradients"), "bf16") ? TFX_F32 : TFX_BF16;
    t->eval_every = tfx_options_int(o, "eval_every");
    t->log_every = tfx_options_int(o, "log_every");
    t->slice_every = tfx_options_int(o, "slice_every");
    t->checkpoint_every = tfx_options_int(o, "checkpoint_every");
    t->keep_checkpoints = tfx_options_int(o, "keep_checkpoints");
    t->keep_stages = tfx_options_bool(o, "keep_stages");
    t->keep_optimizer = tfx_options_bool(o, "keep_optimizer");
    t->mup = !strcmp(tfx_options_string(o, "parametrization"), "mup");
}

/* Two defaults depend on other keys. They are replaced by the numbers they stand for, at the
 * place of the key that they follow, so that the recorded settings say what ran. Returns how
 * many were replaced; `texts` must outlive the section. */
static int replace_dependent(tfx_ini_section *all, const tfx_options *o, char texts[2][40])
{
    static const char *const keys[] = {"micro_batch", "min_lr"}, *const follow[] = {"batch", "lr"};
    int replaced = 0;
    *texts[0] = *texts[1] = 0;
    if (tfx_options_int(o, "micro_batch") == 0)
        snprintf(texts[0], 40, "%lld", (long long)tfx_options_int(o, "batch"));
    if (tfx_options_real(o, "min_lr") == -1)
        snprintf(texts[1], 40, "%.12g", tfx_options_real(o, "lr") / 10);
    for (int i = 0; i < 2; i++) {
        if (!*texts[i])
            continue;
        tfx_setting s = {keys[i], texts[i], all->file, all->line};
        const char *file = tfx_options_origin(o, follow[i], &s.line);
        s.file = file ? file : all->file;
        s.line = file ? s.line : all->line;
        tfx_section_set(all, &s);
        replaced++;
    }
    return replaced;
}

/* What names an arm is no number to be checked as one. */
static tfx_status take_budget(tfx_ini_section *all, tfx_budget *out, tfx_error *err)
{
    static const char *const keys[] = {"flops", "tokens", "steps"};
    const tfx_setting *s = NULL;
    for (int i = 0; i < 2 && !(s && tfx_budget_names_arm(s->value)); i++)
        s = tfx_section_find(all, keys[i]);
    if (!s || !tfx_budget_names_arm(s->value) || tfx_budget_read(out, s, err) != TFX_OK)
        return err->status;
    for (int i = 0; i < 3; i++) {
        const tfx_setting *other = tfx_section_find(all, keys[i]);
        if (other && other != s && strcmp(other->value, "0"))
            return tfx_fail_at(err, s->file, s->line, "%s: expected one of steps, tokens and flops; found %s and %s",
                               s->key, other->value, s->value);
    }
    tfx_section_remove(all, tfx_budget_key(out));
    return TFX_OK;
}

tfx_status tfx_train_values(const tfx_registry *registry, const tfx_ini_section *train, const tfx_ini_section *arm,
                            tfx_train_config *out, tfx_error *err)
{
    tfx_ini_section all = merge(registry, train, arm);
    char texts[2][40] = {""};
    *out = (tfx_train_config){0};
    if (take_budget(&all, &out->budget, err) != TFX_OK || tfx_group_values(&all, arm, out, err) != TFX_OK ||
        tfx_section_values(registry, &all, arm, &out->options, &out->optimizer, err) != TFX_OK)
        goto done;
    if (replace_dependent(&all, out->options, texts)) {
        tfx_options *first = out->options; /* the new settings point into it */
        out->options = NULL;
        tfx_plugin_use_finish(&out->optimizer);
        tfx_section_values(registry, &all, arm, &out->options, &out->optimizer, err);
        tfx_options_destroy(first);
        if (err->status != TFX_OK)
            goto done;
    }
    read_numbers(out);
    out->micro_batch_follows = *texts[0] != 0;
    out->min_lr_follows = *texts[1] != 0;
    const tfx_setting *lr = tfx_section_find(&all, "lr");
    out->lr_search = lr && lr->from ? tfx_strdup(lr->from) : NULL;
    check(out, &all, arm, err);
done:
    if (err->status != TFX_OK)
        tfx_train_finish(out);
    free(all.keys);
    return err->status;
}

char *tfx_train_budget_text(const tfx_train_config *t)
{
    tfx_text text = {0};
    if (t->tokens)
        tfx_text_add(&text, "%" PRId64, t->tokens);
    else if (t->flops > 0)
        tfx_option_add_real(&text, t->flops);
    else
        return tfx_budget_text(&t->budget);
    return text.s;
}

void tfx_train_finish(tfx_train_config *t)
{
    tfx_plugin_use_finish(&t->optimizer);
    tfx_options_destroy(t->options);
    tfx_budget_finish(&t->budget);
    tfx_groups_finish(t);
    free(t->lr_search);
    *t = (tfx_train_config){0};
}
