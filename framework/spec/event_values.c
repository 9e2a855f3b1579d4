#include "framework/spec/event_values.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/spec/declarations.h"
#include "framework/spec/keys.h"
#include "framework/spec/section_values.h"
#include "framework/spec/sockets.h"

#define OPERATOR "operator"
#define EVENT "event"
#define DEFAULT_OPERATOR "slots"

/* The part of a key below OPERATOR or EVENT; "" for the key itself, NULL for other keys. */
static const char *below(const char *key, const char *parent)
{
    if (!strcmp(key, parent))
        return "";
    return tfx_key_below(key, parent) ? key + strlen(parent) + 1 : NULL;
}

/* The event that a key is about, 0 for all of them, and its part without that number; -1: it is about none. */
static int64_t event_of(const char *key, const char *parent, const char **part)
{
    int64_t event = 0;
    *part = below(key, parent);
    if (!*part)
        return -1;
    if (tfx_key_numbered(*part, &event)) {
        *part += strcspn(*part, ".");
        *part += **part == '.';
    }
    return event;
}

tfx_ini_section tfx_section_without_events(const tfx_ini_section *s)
{
    tfx_ini_section own = *s;
    own.keys = NULL;
    own.n_keys = own.cap_keys = 0;
    for (size_t i = 0; i < s->n_keys; i++)
        if (!strcmp(s->keys[i].key, OPERATOR) || (!below(s->keys[i].key, OPERATOR) && !below(s->keys[i].key, EVENT)))
            tfx_section_set(&own, &s->keys[i]);
    return own;
}

/* The settings below `parent` that hold at an event, as `key` and `key.OPTION`. What is said of the event alone comes
 * after what is said of all; when that names another plugin, what all set below theirs means nothing. */
static tfx_ini_section settings_of(tfx_ini *ini, const tfx_ini_section *s, const char *parent, const char *key,
                                   int64_t event)
{
    tfx_ini_section out = {.kind = s->kind, .name = s->name, .file = s->file, .line = s->line};
    const tfx_setting *general = tfx_section_find(s, parent), *own = tfx_section_find(s, key);
    int another = own && (!general || strcmp(general->value, own->value));
    for (int64_t pass = 0; pass <= (event > 0); pass++)
        for (size_t i = 0; i < s->n_keys; i++) {
            const char *part;
            if (event_of(s->keys[i].key, parent, &part) != (pass ? event : 0) || (!pass && event && another))
                continue;
            tfx_setting one = s->keys[i];
            one.key = tfx_ini_keep(ini, *part ? tfx_printf("%s.%s", key, part) : tfx_strdup(key));
            tfx_section_set(&out, &one);
        }
    return out;
}

static tfx_status read_operator(const tfx_registry *registry, tfx_ini *ini, const tfx_ini_section *s,
                                const tfx_arm *arm, tfx_event_spec *e, tfx_error *err)
{
    const tfx_scaling_class *policy = arm->scaling.impl;
    const char *key = e->event ? tfx_ini_keep(ini, tfx_printf(OPERATOR ".%" PRId64, e->event)) : OPERATOR;
    tfx_ini_section settings = settings_of(ini, s, OPERATOR, key, e->event);
    tfx_setting *name = tfx_section_find(&settings, key);
    if (name && !*name->value)
        tfx_section_remove(&settings, key);
    tfx_option decl = TFX_OPTION(key, TFX_OPT_STRING, DEFAULT_OPERATOR, 0, 0, NULL, "the operator plugin");
    tfx_options *host = NULL;
    if (settings.n_keys || !policy || !policy->grow_param)
        tfx_section_declared(registry, &settings, &decl, 1, key, TFX_KIND_OPERATOR, DEFAULT_OPERATOR, &host, &e->op,
                             err);
    tfx_options_destroy(host);
    free(settings.keys);
    return err->status;
}

const char *const tfx_event_train_keys[TFX_N_EVENT_TRAIN_KEYS] = {
    "lr", "min_lr", "schedule", "warmup", "decay_fraction", "batch", "micro_batch"};

/* Moves the settings "KEY.train.NAME" out of `settings` behind those of the arm, under the names that they have
 * there. */
static tfx_status take_train_settings(tfx_ini *ini, const char *key, tfx_ini_section *settings, tfx_ini_section *arm,
                                      tfx_event_spec *e, tfx_error *err)
{
    char *parent = tfx_printf("%s.train", key);
    size_t kept = 0;
    for (size_t i = 0; i < settings->n_keys && err->status == TFX_OK; i++) {
        tfx_setting one = settings->keys[i];
        const char *name = below(one.key, parent);
        if (!name) {
            settings->keys[kept++] = one;
            continue;
        }
        tfx_suggest known = {.name = name};
        uint32_t bit = 0;
        for (uint32_t k = 0; k < TFX_N_EVENT_TRAIN_KEYS; k++) {
            bit |= (uint32_t)!strcmp(name, tfx_event_train_keys[k]) << k;
            tfx_suggest_add(&known, "%s", tfx_event_train_keys[k]);
        }
        if (!bit)
            tfx_fail_at(err, one.file, one.line, "unknown key \"%s\": a growth event cannot change train.%s", one.key,
                        name);
        tfx_suggest_end(&known, NULL, err);
        one.key = tfx_ini_keep(ini, tfx_printf("train.%s", name));
        tfx_section_set(arm, &one);
        e->train_set |= bit;
    }
    settings->n_keys = kept;
    free(parent);
    return err->status;
}

static tfx_status read_train(const tfx_registry *registry, tfx_ini *ini, const char *key, const tfx_ini_section *arm,
                             tfx_ini_section *settings, tfx_event_spec *e, tfx_error *err)
{
    tfx_ini_section both = *arm;
    both.keys = NULL;
    both.n_keys = both.cap_keys = 0;
    tfx_section_set_all(&both, arm->keys, arm->n_keys);
    if (take_train_settings(ini, key, settings, &both, e, err) == TFX_OK && e->train_set) {
        e->train = TFX_NEW(tfx_train_config);
        tfx_train_values(registry, tfx_ini_find(ini, "train", NULL), &both, e->train, err);
    }
    free(both.keys);
    return err->status;
}

static tfx_status read_event(const tfx_registry *registry, tfx_ini *ini, const tfx_ini_section *s,
                             const tfx_ini_section *arm, tfx_event_spec *e, tfx_error *err)
{
    const char *key = e->event ? tfx_ini_keep(ini, tfx_printf(EVENT ".%" PRId64, e->event)) : EVENT;
    tfx_ini_section settings = settings_of(ini, s, EVENT, key, e->event);
    enum { OPTIMIZER, SCHEDULE, NUMBERS };
    double *const numbers[] = {&e->lr_old, &e->lr_new, &e->noise, &e->noise_old};
    tfx_option decl[NUMBERS + 4];
    size_t n;
    const tfx_option *bare = tfx_spec_declaration(EVENT, &n);
    tfx_options *o = NULL;
    assert(n == sizeof(decl) / sizeof(*decl));
    for (size_t i = 0; i < n; i++) { /* under their full keys, for messages */
        decl[i] = *tfx_option_at(bare, i);
        decl[i].name = tfx_ini_keep(ini, tfx_printf("%s.%s", key, decl[i].name));
    }
    if (read_train(registry, ini, key, arm, &settings, e, err) == TFX_OK &&
        tfx_section_declared(NULL, &settings, decl, n, NULL, NULL, NULL, &o, NULL, err) == TFX_OK) {
        for (int i = 0; tfx_spec_carries[i] && tfx_section_find(&settings, decl[OPTIMIZER].name); i++)
            if (!strcmp(tfx_options_string(o, decl[OPTIMIZER].name), tfx_spec_carries[i]))
                e->carry = (tfx_carry_state)(TFX_STATE_EXTEND + i);
        if (tfx_section_find(&settings, decl[SCHEDULE].name))
            e->schedule = strcmp(tfx_options_string(o, decl[SCHEDULE].name), "restart") ? -1 : 1;
        for (int i = 0; i < 4; i++) {
            const char *name = decl[NUMBERS + i].name;
            *numbers[i] = tfx_section_find(&settings, name) ? tfx_options_real(o, name) : -1;
        }
    }
    tfx_options_destroy(o);
    free(settings.keys);
    return err->status;
}

static int has_event(const tfx_arm *arm, int64_t event)
{
    for (size_t i = 0; i < arm->n_events; i++)
        if (arm->events[i].event == event)
            return 1;
    return 0;
}

tfx_status tfx_event_values(const tfx_registry *registry, tfx_ini *ini, const tfx_ini_section *s,
                            const tfx_ini_section *arm, tfx_arm *out, tfx_error *err)
{
    size_t cap = 0;
    const char *part;
    *TFX_APPEND(out->events, out->n_events, cap) = (tfx_event_spec){.file = s->file, .line = s->line};
    for (size_t i = 0; i < s->n_keys; i++) {
        int64_t event = event_of(s->keys[i].key, OPERATOR, &part);
        if (event < 0)
            event = event_of(s->keys[i].key, EVENT, &part);
        if (event > 0 && !has_event(out, event))
            *TFX_APPEND(out->events, out->n_events,
                        cap) = (tfx_event_spec){.event = event, .file = s->keys[i].file, .line = s->keys[i].line};
    }
    for (size_t i = 0; i < out->n_events && err->status == TFX_OK; i++)
        if (read_operator(registry, ini, s, out, &out->events[i], err) == TFX_OK)
            read_event(registry, ini, s, arm, &out->events[i], err);
    return err->status;
}

void tfx_events_finish(tfx_arm *arm)
{
    for (size_t i = 0; i < arm->n_events; i++) {
        tfx_plugin_use_finish(&arm->events[i].op);
        if (arm->events[i].train)
            tfx_train_finish(arm->events[i].train);
        free(arm->events[i].train);
    }
    free(arm->events);
}

int tfx_event_sets(const tfx_event_spec *e, const char *key)
{
    for (uint32_t k = 0; k < TFX_N_EVENT_TRAIN_KEYS; k++)
        if (!strcmp(tfx_event_train_keys[k], key))
            return (e->train_set >> k & 1) != 0;
    return 0;
}

int tfx_arm_grows_at_start(const tfx_arm *arm)
{
    return arm->n_events && !arm->scaling.impl;
}

const tfx_event_spec *tfx_arm_event(const tfx_arm *arm, uint32_t k)
{
    for (size_t i = 1; i < arm->n_events; i++)
        if (arm->events[i].event == k)
            return &arm->events[i];
    return &arm->events[0];
}
