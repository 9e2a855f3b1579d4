#include "framework/spec/resolved_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/spec/declarations.h"
#include "framework/spec/group_values.h"
#include "framework/spec/ini.h"
#include "framework/spec/keys.h"
#include "framework/spec/sockets.h"
#include "framework/spec/tree.h"

typedef struct writer {
    tfx_text t;
    tfx_error *err;
} writer;

static void section(writer *w, const char *kind, const char *name)
{
    tfx_text_add(&w->t, "%s[%s%s%s]\n", w->t.n ? "\n" : "", kind, name ? " " : "", name ? name : "");
}

static void put(writer *w, const char *prefix, const char *key, const char *value)
{
    const char *wrong = tfx_value_check(value);
    if (!wrong && strlen(value) + TFX_KEY_MAX + 8 > TFX_INI_MAX_RESOLVED_LINE)
        wrong = "the value is too long to be recorded";
    if (wrong)
        tfx_fail(w->err, TFX_E_INVALID, "%s%s = %.200s: %s", prefix, key, value, wrong);
    tfx_text_add(&w->t, "%s%s =%s%s\n", prefix, key, *value ? " " : "", value);
}

/* Every option but `extends`, whose work is done. */
static void put_options(writer *w, const char *prefix, const tfx_options *o)
{
    for (size_t i = 0; i < tfx_options_count(o); i++) {
        const char *name, *value;
        tfx_options_at(o, i, &name, &value);
        if (*prefix || strcmp(name, "extends"))
            put(w, prefix, name, value);
    }
}

static void put_plugin(writer *w, const char *key, const tfx_plugin_use *use)
{
    char *prefix = tfx_printf("%s.", key);
    put(w, "", key, use->name);
    put_options(w, prefix, use->options);
    free(prefix);
}

/* ---- training settings: what all arms share goes into [train], the rest into the arms ---- */

/* Whether all arms have the same value. Options of the optimizer count as shared only when
 * the optimizer is: below another one the same name may mean something else. */
static int shared(const tfx_experiment *e, const char *name, int optimizer)
{
    const tfx_train_config *first = &e->arms[0].train;
    const char *value = tfx_options_text(optimizer ? first->optimizer.options : first->options, name);
    for (size_t i = 1; i < e->n_arms; i++) {
        const tfx_train_config *t = &e->arms[i].train;
        if (!value || (optimizer && strcmp(t->optimizer.name, first->optimizer.name)) ||
            strcmp(tfx_options_text(optimizer ? t->optimizer.options : t->options, name), value))
            return 0;
    }
    return 1;
}

/* The arm's own, like what it is as long as. */
static void put_budget(writer *w, const char *prefix, const tfx_train_config *t)
{
    char *value = tfx_train_budget_text(t);
    put(w, prefix, tfx_budget_key(&t->budget), value);
    free(value);
}

static void put_train(writer *w, const tfx_experiment *e, const tfx_train_config *t, const char *prefix,
                      int want_shared)
{
    for (int optimizer = 0; optimizer <= 1; optimizer++) {
        const tfx_options *o = optimizer ? t->optimizer.options : t->options;
        char *full = tfx_printf("%s%s", prefix, optimizer ? "optimizer." : "");
        for (size_t i = 0; i < tfx_options_count(o); i++) {
            const char *name, *value;
            tfx_options_at(o, i, &name, &value);
            if (!optimizer && t->budget.of && !strcmp(name, tfx_budget_key(&t->budget))) {
                if (!want_shared)
                    put_budget(w, full, t);
                continue;
            }
            /* Of steps, tokens and flops, the one that was set. */
            int unset = !optimizer && !strcmp(value, "0") && tfx_key_is_length(name);
            if (!unset && shared(e, name, optimizer) == want_shared)
                put(w, full, name, value);
        }
        free(full);
    }
}

/* Each arm has its own, whether others have the same or not. */
static void put_groups(writer *w, const tfx_train_config *t)
{
    for (size_t i = 0; i < t->n_groups; i++) {
        const char *key, *value;
        char *prefix = tfx_printf("train.group.%s.", t->groups[i].name);
        for (size_t k = 0; (key = tfx_group_text(&t->groups[i], k, &value)); k++)
            put(w, prefix, key, value);
        free(prefix);
    }
}

static void put_event(writer *w, const tfx_event_spec *e)
{
    char *prefix = e->event ? tfx_printf("event.%lld.", (long long)e->event) : tfx_strdup("event.");
    if (e->op.impl)
        put_plugin(w, e->op.key, &e->op);
    if (e->carry)
        put(w, prefix, "optimizer", tfx_spec_carries[e->carry - TFX_STATE_EXTEND]);
    if (e->schedule)
        put(w, prefix, "schedule", e->schedule > 0 ? "restart" : "continue");
    const double numbers[] = {e->lr_old, e->lr_new, e->noise, e->noise_old};
    static const char *const names[] = {"lr_old", "lr_new", "noise", "noise_old"};
    for (int i = 0; i < 4; i++)
        if (numbers[i] >= 0) {
            char text[40];
            snprintf(text, sizeof(text), "%.17g", numbers[i]);
            put(w, prefix, names[i], text);
        }
    char *train = tfx_printf("%strain.", prefix);
    for (uint32_t k = 0; k < TFX_N_EVENT_TRAIN_KEYS; k++) {
        const char *key = tfx_event_train_keys[k];
        /* What follows another key here would follow it no more where the arm's value is written out. */
        int follows = (tfx_event_sets(e, "batch") && e->train->micro_batch_follows && !strcmp(key, "micro_batch")) ||
                      (tfx_event_sets(e, "lr") && e->train->min_lr_follows && !strcmp(key, "min_lr"));
        if (e->train_set >> k & 1 || follows)
            put(w, train, key, tfx_options_text(e->train->options, key));
    }
    free(train);
    free(prefix);
}

/* ---- models ---- */

/* A layer, and all below it, with every option. */
static void put_layer(writer *w, const char *path, const tfx_layer_config *c)
{
    char *prefix = tfx_printf("%s.", path);
    put(w, "", path, c->cls->name);
    put_options(w, prefix, c->options);
    for (size_t i = 0; i < c->n_children; i++) {
        char *inside = tfx_printf("%s%s", prefix, c->children[i]->socket);
        put_layer(w, inside, c->children[i]);
        free(inside);
    }
    free(prefix);
}

static int has_own_settings(const tfx_model_spec *spec, int64_t block)
{
    int64_t number;
    for (size_t i = 0; i < spec->n_settings; i++) {
        const char *key = spec->settings[i].key;
        if (tfx_key_below(key, "blocks") && tfx_key_numbered(key + strlen("blocks."), &number) && number == block)
            return 1;
    }
    return 0;
}

static void put_blocks(writer *w, const tfx_model_spec *spec, const tfx_model *m)
{
    int general = 0;
    for (int64_t b = 0; b < m->n_blocks; b++) {
        int own = has_own_settings(spec, b);
        char *path = own ? tfx_printf("blocks.%" PRId64, b) : tfx_strdup("blocks");
        if (own || !general)
            put_layer(w, path, m->blocks[b]);
        general |= !own;
        free(path);
    }
}

static void put_size(writer *w, const char *key, int64_t size)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, size);
    put(w, "", key, text);
}

/* A section that nothing uses may be no whole model; it stays as it is written. */
static void put_model(writer *w, const tfx_registry *registry, const tfx_model_spec *spec)
{
    tfx_error incomplete = {0};
    tfx_model *m = tfx_model_create(registry, spec, &incomplete);
    section(w, "model", spec->name);
    for (size_t k = 0; k < spec->n_settings && !m; k++)
        put(w, "", spec->settings[k].key, spec->settings[k].value);
    if (!m)
        return;
    put_size(w, "n_blocks", m->n_blocks);
    put_size(w, "dim", m->dim);
    put_size(w, "context", m->context);
    put_size(w, "vocab", m->vocab);
    put_layer(w, "embedding", m->embedding);
    put_blocks(w, spec, m);
    put_layer(w, "norm", m->norm);
    if (m->head)
        put_layer(w, "head", m->head);
    else
        put(w, "", "head", "tied");
    tfx_model_destroy(m);
}

/* ---- arms ---- */

/* What an arm starts from, unless that is its initialisation. */
static void put_start(writer *w, const tfx_start *s)
{
    char *text = tfx_start_text(s);
    if (s->kind != TFX_START_INIT) {
        put(w, "", "start", text);
        put(w, "", "start.optimizer", s->keep_optimizer ? "keep" : "reset");
        put(w, "", "start.data", s->continue_data ? "continue" : "restart");
    }
    free(text);
}

/* What made it. */
static void put_made(writer *w, const tfx_arm *arm)
{
    const char *const keys[] = {"twin", "twin.of", "sweep", "sweep.of", "sweep.point"}, *const values[] = {
                                                                                            arm->twin, arm->twin_of,
                                                                                            arm->sweep, arm->base,
                                                                                            arm->point};
    for (int i = 0; i < 5; i++)
        if (values[i])
            put(w, "", keys[i], values[i]);
}

/* ---- everything ---- */

/* Several arms may share a scaling; it is written once. */
static int first_use(const tfx_experiment *e, size_t arm)
{
    for (size_t i = 0; i < arm; i++)
        if (e->arms[i].scaling_name && !strcmp(e->arms[i].scaling_name, e->arms[arm].scaling_name))
            return 0;
    return 1;
}

char *tfx_resolved_text(const tfx_registry *registry, const tfx_experiment *e, const tfx_options *host, tfx_error *err)
{
    writer w = {.err = err};
    section(&w, "experiment", NULL);
    put_options(&w, "", host);
    put_options(&w, "backend.", e->backend.options);
    section(&w, "data", NULL);
    tfx_text_add(&w.t, "eval_tokens = %lld\n", (long long)e->eval_tokens);
    put_plugin(&w, "loader", &e->loader);
    section(&w, "train", NULL);
    put_train(&w, e, &e->arms[0].train, "", 1);
    for (size_t i = 0; i < e->n_models; i++)
        put_model(&w, registry, &e->models[i]);
    for (size_t i = 0; i < e->n_arms; i++) {
        if (!e->arms[i].scaling_name || !first_use(e, i))
            continue;
        section(&w, "scaling", e->arms[i].scaling_name);
        if (e->arms[i].scaling.impl)
            put_plugin(&w, "policy", &e->arms[i].scaling);
        for (size_t k = 0; k < e->arms[i].n_events; k++)
            put_event(&w, &e->arms[i].events[k]);
    }
    for (size_t i = 0; i < e->n_arms; i++) {
        section(&w, "arm", e->arms[i].name);
        put(&w, "", "model", e->arms[i].model->name);
        if (e->arms[i].scaling_name)
            put(&w, "", "scaling", e->arms[i].scaling_name);
        if (e->arms[i].grows_first)
            put(&w, "", "scaling.when", "start");
        put_start(&w, &e->arms[i].start);
        put_made(&w, &e->arms[i]);
        put_train(&w, e, &e->arms[i].train, "train.", 0);
        put_groups(&w, &e->arms[i].train);
    }
    if (err->status != TFX_OK)
        tfx_text_free(&w.t);
    return w.t.s;
}

/* ---- a model alone ---- */

char *tfx_resolved_model(const tfx_registry *registry, const tfx_model_spec *spec, tfx_error *err)
{
    writer w = {.err = err};
    put_model(&w, registry, spec);
    if (err->status != TFX_OK)
        tfx_text_free(&w.t);
    return w.t.s;
}

/* A spec with what it points into. */
typedef struct parsed_model {
    tfx_model_spec spec; /* first: a pointer to it is one to this */
    tfx_ini *ini;
} parsed_model;

tfx_model_spec *tfx_resolved_model_parse(const char *text, const char *origin, tfx_error *err)
{
    tfx_ini *ini = tfx_ini_parse(text, strlen(text), origin, TFX_INI_MAX_RESOLVED_LINE, err);
    if (!ini)
        return NULL;
    const tfx_ini_section *s = ini->n_sections == 1 ? &ini->sections[0] : NULL;
    if (!s || strcmp(s->kind, "model") || !s->name) {
        tfx_fail(err, TFX_E_DATA, "%s: expected one [model NAME]", origin);
        tfx_ini_destroy(ini);
        return NULL;
    }
    parsed_model *m = TFX_NEW(parsed_model);
    m->ini = ini;
    m->spec = (tfx_model_spec){
        .name = tfx_strdup(s->name), .settings = s->keys, .n_settings = s->n_keys, .file = s->file, .line = s->line};
    return &m->spec;
}

void tfx_resolved_model_destroy(tfx_model_spec *spec)
{
    if (!spec)
        return;
    free(spec->name);
    tfx_ini_destroy(((parsed_model *)spec)->ini);
    free((parsed_model *)spec);
}
