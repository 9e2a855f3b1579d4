#include "framework/spec/twins.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/plugin/calls/scaling_calls.h"
#include "framework/spec/declarations.h"
#include "framework/spec/event_values.h"
#include "framework/spec/keys.h"
#include "framework/spec/overlay.h"
#include "framework/spec/section_values.h"
#include "framework/spec/start.h"

typedef enum twin_kind { SCRATCH = 0, RANDOM_BASE, NO_GROWTH, N_KINDS } twin_kind;
static const char *const kinds[] = {"scratch", "random_base", "no_growth"};

/* An arm that has twins, and what they need to know of it. */
typedef struct original {
    const tfx_registry *registry;
    tfx_ini *ini;
    const tfx_ini_section *arm;
    const tfx_setting *twins; /* which; not in the arm any more */
    char *first, *last;       /* its models; first NULL: a checkpoint says what it is */
    const char *grows_from;   /* the arm at whose model it grows where it starts; NULL: it has a policy */
} original;

/* ---- reading ---- */

static tfx_status fail_kind(const tfx_setting *at, const char *name, tfx_error *err)
{
    tfx_suggest known = {.name = name, .listed = 1};
    for (int i = 0; i < N_KINDS; i++)
        tfx_suggest_add(&known, "%s", kinds[i]);
    tfx_fail_at(err, at->file, at->line, "%s: expected scratch, random_base or no_growth; found \"%s\"", at->key, name);
    return tfx_suggest_end(&known, NULL, err);
}

static int kind_named(const char *name, size_t length)
{
    int k = 0;
    while (k < N_KINDS && (strlen(kinds[k]) != length || strncmp(kinds[k], name, length)))
        k++;
    return k;
}

/* Which twins a list names. */
static tfx_status read_list(const tfx_setting *twins, int chosen[N_KINDS], tfx_error *err)
{
    for (const char *p = twins->value; *p && err->status == TFX_OK; p++) {
        size_t length = strcspn(p, ",");
        char *name = tfx_trimmed(p, length);
        int k = kind_named(name, strlen(name));
        if (k == N_KINDS)
            fail_kind(twins, name, err);
        else if (chosen[k]++)
            tfx_fail_at(err, twins->file, twins->line, "twins: expected different names; found %s twice", name);
        free(name);
        p += length;
        if (!*p)
            break;
    }
    return err->status;
}

/* The part of "twin.KIND.KEY" from KEY on; NULL: it is another key. */
static const char *key_of_twin(const char *key, int *kind)
{
    const char *name = key + strlen("twin.");
    if (!tfx_key_below(key, "twin") || !strchr(name, '.'))
        return NULL;
    size_t length = strcspn(name, ".");
    *kind = kind_named(name, length);
    return name + length + 1;
}

/* Takes the keys about twins out of the arm into `settings`. */
static tfx_status take_settings(tfx_ini_section *arm, const int chosen[N_KINDS], tfx_ini_section *settings,
                                tfx_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < arm->n_keys; i++) {
        const tfx_setting s = arm->keys[i];
        int k = N_KINDS;
        if (!key_of_twin(s.key, &k)) {
            arm->keys[kept++] = s;
            continue;
        }
        if (k == N_KINDS) {
            char *name = tfx_strndup(s.key + strlen("twin."), strcspn(s.key + strlen("twin."), "."));
            fail_kind(&s, name, err);
            free(name);
        } else if (!chosen[k]) {
            tfx_fail_at(err, s.file, s.line, "%s: expected %s among the twins of [arm %s]", s.key, kinds[k], arm->name);
        }
        tfx_section_set(settings, &s);
    }
    arm->n_keys = kept;
    tfx_section_remove(arm, "twins");
    return err->status;
}

/* ---- models ---- */

static const char *value_of(const tfx_ini_section *s, const char *key)
{
    const tfx_setting *found = tfx_section_find(s, key);
    return found && *found->value ? found->value : NULL;
}

/* The arm that it starts from, if it starts from one; mistakes are found where starts are read. */
static const tfx_ini_section *started_from(const tfx_ini *ini, const tfx_ini_section *arm)
{
    const char *start = value_of(arm, "start"), *at = start ? strrchr(start, '@') : NULL;
    if (!at || strncmp(start, "arm:", 4))
        return NULL;
    char *name = tfx_strndup(start + 4, (size_t)(at - start) - 4);
    const tfx_ini_section *found = tfx_ini_find(ini, "arm", name);
    free(name);
    return found;
}

/* The model with which it begins: its own, or that of the arm which it starts from. */
static char *first_model(const tfx_ini *ini, const tfx_ini_section *arm)
{
    for (size_t i = 0; arm && i < ini->n_sections; i++, arm = started_from(ini, arm))
        if (value_of(arm, "model"))
            return tfx_strdup(value_of(arm, "model"));
    return NULL;
}

/* The model that a policy ends with. */
static tfx_status ask_policy(original *o, const tfx_ini_section *scaling, tfx_error *err)
{
    tfx_ini_section own = tfx_section_without_events(scaling);
    tfx_options *host = NULL;
    tfx_plugin_use use = {0};
    tfx_scaling *policy = NULL;
    tfx_stage last = {.struct_size = sizeof(last)};
    if (tfx_section_values(o->registry, &own, NULL, &host, &use, err) == TFX_OK &&
        tfx_call_scaling_create(use.impl, use.options, &policy, err) == TFX_OK) {
        uint32_t n = tfx_call_scaling_n_stages(use.impl, policy, err);
        if (n && tfx_call_scaling_stage(use.impl, policy, n - 1, &last, err) == TFX_OK)
            o->last = tfx_strdup(last.model ? last.model : o->first);
        tfx_call_scaling_destroy(use.impl, policy);
    }
    if (err->status != TFX_OK && use.impl)
        tfx_plugin_use_locate(&use, err);
    tfx_plugin_use_finish(&use);
    tfx_options_destroy(host);
    free(own.keys);
    return err->status;
}

static tfx_status find_models(original *o, tfx_error *err)
{
    const char *name = value_of(o->arm, "scaling");
    const tfx_ini_section *scaling = name ? tfx_ini_find(o->ini, "scaling", name) : NULL;
    if (!name)
        return tfx_fail_at(err, o->twins->file, o->twins->line,
                           "twins: expected an arm that grows; [arm %s] has no scaling", o->arm->name);
    if (!scaling)
        return tfx_ini_fail_unknown(o->ini, tfx_section_find(o->arm, "scaling"), "scaling", name, NULL, err);
    if (value_of(scaling, "policy")) {
        o->first = first_model(o->ini, o->arm);
        return ask_policy(o, scaling, err);
    }
    const tfx_ini_section *from = started_from(o->ini, o->arm);
    o->first = first_model(o->ini, from);
    o->last = first_model(o->ini, o->arm);
    o->grows_from = from ? from->name : "";
    return TFX_OK;
}

/* Whether its first model is known, without which some twins cannot be. */
static tfx_status check_first(const original *o, twin_kind kind, tfx_error *err)
{
    const tfx_ini_section *from = o->grows_from ? tfx_ini_find(o->ini, "arm", o->grows_from) : NULL;
    if (!o->first)
        tfx_fail_at(
            err, o->twins->file, o->twins->line,
            "twins: %s: expected an arm with a model of this spec to begin with; [arm %s] starts from a checkpoint",
            kinds[kind], o->arm->name);
    else if (from && value_of(from, "scaling"))
        tfx_fail_at(err, o->twins->file, o->twins->line,
                    "twins: %s: expected [arm %s] to start from an arm that does not grow itself; found [arm %s]",
                    kinds[kind], o->arm->name, from->name);
    return err->status;
}

/* ---- the arms ---- */

/* What only says how the original comes to its end. */
static int is_left_out(const char *key)
{
    return !strcmp(key, "scaling") || tfx_key_below(key, "scaling") || !strcmp(key, "start") ||
           tfx_key_below(key, "start") || !strcmp(key, "model") ||
           (tfx_key_below(key, "train") && tfx_key_is_length(key + strlen("train.")));
}

static void set(const original *o, tfx_ini_section *s, const char *key, const char *value)
{
    const tfx_setting one = {key, tfx_ini_keep(o->ini, tfx_strdup(value)), o->twins->file, o->twins->line};
    tfx_section_set(s, &one);
}

/* A [scaling] that grows at an untrained base as the original does at a trained one. Its length means nothing. */
static tfx_ini_section make_scaling(const original *o, const char *name)
{
    const tfx_ini_section *its = tfx_ini_find(o->ini, "scaling", value_of(o->arm, "scaling"));
    tfx_ini_section s = {.kind = its->kind, .name = name, .file = its->file, .line = its->line};
    tfx_section_set_all(&s, its->keys, its->n_keys);
    set(o, &s, "policy", "schedule");
    set(o, &s, "policy.models", o->last);
    set(o, &s, "policy.steps", "1");
    return s;
}

static tfx_status make_twin(const original *o, twin_kind kind, const tfx_ini_section *settings, tfx_ini_section *twin,
                            tfx_ini_section *scaling, tfx_error *err)
{
    tfx_ini_section over = {0};
    const char *name = tfx_ini_keep(o->ini, tfx_printf("%s.%s", o->arm->name, kinds[kind]));
    *twin = (tfx_ini_section){.kind = o->arm->kind, .name = name, .file = o->twins->file, .line = o->twins->line};
    const char *wrong = tfx_arm_name_check(name);
    if (!wrong && tfx_ini_find(o->ini, "arm", name))
        wrong = "there is such an arm already";
    if (wrong)
        return tfx_fail_at(err, o->twins->file, o->twins->line, "twins: one would be called \"%.200s\": %s", name,
                           wrong);
    if (kind != SCRATCH && check_first(o, kind, err) != TFX_OK)
        return err->status;
    for (size_t i = 0; i < o->arm->n_keys; i++)
        if (!is_left_out(o->arm->keys[i].key))
            tfx_section_set(twin, &o->arm->keys[i]);
    set(o, twin, "model", kind == SCRATCH ? o->last : o->first);
    if (kind == RANDOM_BASE) {
        set(o, twin, "scaling", o->grows_from ? name : value_of(o->arm, "scaling"));
        set(o, twin, "scaling.when", "start");
        if (o->grows_from)
            *scaling = make_scaling(o, name);
    }
    char *budget = tfx_printf("arm:%s", o->arm->name);
    set(o, twin, "train.flops", budget);
    free(budget);
    set(o, twin, "twin", kinds[kind]);
    set(o, twin, "twin.of", o->arm->name);
    for (size_t i = 0; i < settings->n_keys; i++) {
        int k;
        tfx_setting one = settings->keys[i];
        one.key = key_of_twin(one.key, &k);
        if (k == (int)kind)
            tfx_section_set(&over, &one);
    }
    tfx_section_overlay(o->registry, o->ini, twin, over.keys, over.n_keys);
    free(over.keys);
    return TFX_OK;
}

/* Sections that are made, behind which others stay where they are until all are. */
typedef struct made {
    tfx_ini_section *sections;
    size_t n, cap;
} made;

static tfx_status add_twins(const tfx_registry *registry, tfx_ini *ini, tfx_ini_section *arm, made *out, tfx_error *err)
{
    const tfx_setting twins = *tfx_section_find(arm, "twins");
    original o = {.registry = registry, .ini = ini, .arm = arm, .twins = &twins};
    int chosen[N_KINDS] = {0};
    tfx_ini_section settings = {0};
    if (read_list(&twins, chosen, err) == TFX_OK && take_settings(arm, chosen, &settings, err) == TFX_OK &&
        (chosen[SCRATCH] || chosen[RANDOM_BASE] || chosen[NO_GROWTH]))
        find_models(&o, err);
    for (int k = 0; k < N_KINDS && err->status == TFX_OK; k++) {
        tfx_ini_section twin = {0}, scaling = {0};
        if (!chosen[k])
            continue;
        make_twin(&o, (twin_kind)k, &settings, &twin, &scaling, err);
        *TFX_APPEND(out->sections, out->n, out->cap) = twin;
        if (scaling.kind)
            *TFX_APPEND(out->sections, out->n, out->cap) = scaling;
    }
    free(settings.keys);
    free(o.first);
    free(o.last);
    return err->status;
}

tfx_status tfx_twins_apply(const tfx_registry *registry, tfx_ini *ini, tfx_error *err)
{
    made out = {0};
    for (size_t i = 0; i < ini->n_sections; i++) {
        tfx_ini_section *s = &ini->sections[i];
        size_t at = out.n;
        *TFX_APPEND(out.sections, out.n, out.cap) = *s;
        if (strcmp(s->kind, "arm") || !tfx_section_find(s, "twins") || err->status != TFX_OK)
            continue;
        add_twins(registry, ini, s, &out, err);
        out.sections[at] = *s; /* without what says so */
    }
    free(ini->sections);
    ini->sections = out.sections;
    ini->n_sections = out.n;
    ini->cap_sections = out.cap;
    return err->status;
}
