/* Experiment: resolved sections become the structs that the rest of tfx works with. */
#include "framework/spec/experiment.h"

#include <string.h>

#include "framework/base/memory.h"
#include "framework/spec/arm_order.h"
#include "framework/spec/declarations.h"
#include "framework/spec/event_values.h"
#include "framework/spec/ini.h"
#include "framework/spec/keys.h"
#include "framework/spec/resolve.h"
#include "framework/spec/resolved_text.h"
#include "framework/spec/section_values.h"
#include "framework/spec/sockets.h"
#include "framework/spec/tree.h"

/* The experiment with what it points into. */
typedef struct loaded {
    tfx_experiment e; /* first: a pointer to it is one to this */
    tfx_ini *ini;
    tfx_options *host; /* of [experiment] */
} loaded;

/* ---- models ---- */

/* Paths given to layers are relative to the file that sets them; the settings outlive that
 * place, because the resolved text is stored. */
static tfx_status make_paths_absolute(const tfx_registry *registry, tfx_ini *ini, tfx_ini_section *model,
                                      tfx_error *err)
{
    for (size_t i = 0; i < model->n_keys; i++) {
        tfx_setting *s = &model->keys[i];
        const char *dot = strrchr(s->key, '.');
        if (!dot)
            continue;
        char *above = tfx_strndup(s->key, (size_t)(dot - s->key));
        const char *name = tfx_layer_at(registry, model->keys, model->n_keys, above);
        tfx_error quiet = {0};
        const tfx_layer_class *layer = name ? tfx_registry_find(registry, TFX_KIND_LAYER, name, &quiet) : NULL;
        free(above);
        const tfx_option *o = layer ? tfx_option_find(layer->options, layer->n_options, dot + 1) : NULL;
        if (!o || o->type != TFX_OPT_PATH)
            continue;
        tfx_setting one = *s;
        one.key = o->name;
        tfx_options *value = tfx_options_resolve(o, 1, &one, 1, layer->name, err);
        if (!value)
            return err->status;
        s->value = tfx_ini_keep(ini, tfx_strdup(tfx_options_string(value, o->name)));
        tfx_options_destroy(value);
    }
    return TFX_OK;
}

/* ---- names ---- */

static size_t count_kind(const tfx_ini *ini, const char *kind)
{
    size_t n = 0;
    for (size_t i = 0; i < ini->n_sections; i++)
        n += !strcmp(ini->sections[i].kind, kind);
    return n;
}

const tfx_setting *tfx_model_spec_set(const tfx_model_spec *m)
{
    const tfx_setting *set = NULL;
    for (size_t i = 0; i < m->n_settings; i++)
        if (!m->settings[i].line && (!set || !strchr(m->settings[i].key, '.')))
            set = &m->settings[i];
    return set;
}

void tfx_model_spec_locate(const tfx_model_spec *m, tfx_error *err)
{
    const tfx_setting *set = tfx_model_spec_set(m);
    if (set)
        tfx_error_locate_in(err, set->file, 0, "[model %s]", m->name);
    else
        tfx_error_locate_in(err, m->file, m->line, "[model %s]", m->name);
}

const tfx_model_spec *tfx_experiment_model(const tfx_experiment *e, const char *name, tfx_error *err)
{
    for (size_t i = 0; i < e->n_models; i++)
        if (!strcmp(e->models[i].name, name))
            return &e->models[i];
    tfx_ini_fail_unknown(((const loaded *)e)->ini, NULL, "model", name, NULL, err);
    return NULL;
}

const tfx_arm *tfx_experiment_arm(const tfx_experiment *e, const char *name, tfx_error *err)
{
    for (size_t i = 0; i < e->n_arms; i++)
        if (!strcmp(e->arms[i].name, name))
            return &e->arms[i];
    tfx_ini_fail_unknown(((const loaded *)e)->ini, NULL, "arm", name, NULL, err);
    tfx_error_locate(err, e->file, 0);
    return NULL;
}

int tfx_arm_answers_to(const tfx_arm *arm, const char *name)
{
    return !strcmp(arm->name, name) || (arm->base && !strcmp(arm->base, name));
}

/* ---- sections ---- */

static const tfx_ini_section *need_section(const tfx_ini *ini, const char *kind, const char *file, tfx_error *err)
{
    const tfx_ini_section *s = tfx_ini_find(ini, kind, NULL);
    if (!s)
        tfx_fail_at(err, file, 0, "there is no [%s] section", kind);
    return s;
}

static tfx_status fill_experiment(loaded *l, const tfx_registry *registry, const char *file, tfx_error *err)
{
    tfx_experiment *e = &l->e;
    const tfx_ini_section *s = need_section(l->ini, "experiment", file, err);
    if (!s || tfx_section_values(registry, s, NULL, &l->host, &e->backend, err) != TFX_OK)
        return err->status;
    e->name = tfx_strdup(tfx_options_string(l->host, "name"));
    e->description = tfx_strdup(tfx_options_string(l->host, "description"));
    const char *wrong = tfx_name_check(e->name);
    if (wrong)
        return tfx_fail_keys(err, l->host, s, NULL, TFX_KEYS("name"),
                             "name: \"%.100s\" cannot be the name of an experiment: %s", e->name, wrong);
    const int64_t *seeds = tfx_options_int_list(l->host, "seeds", &e->n_seeds);
    e->seeds = TFX_NEW_ARRAY(int64_t, e->n_seeds);
    for (size_t i = 0; i < e->n_seeds; i++) {
        e->seeds[i] = seeds[i];
        for (size_t k = 0; k < i; k++)
            if (seeds[k] == seeds[i])
                return tfx_fail_keys(err, l->host, s, NULL, TFX_KEYS("seeds"),
                                     "seeds: expected different numbers; found %lld twice", (long long)seeds[i]);
    }
    if (!e->n_seeds)
        return tfx_fail_keys(err, l->host, s, NULL, TFX_KEYS("seeds"),
                             "seeds: expected at least one number; found none");
    return TFX_OK;
}

static tfx_status fill_data(loaded *l, const tfx_registry *registry, const char *file, tfx_error *err)
{
    tfx_options *host = NULL;
    const tfx_ini_section *s = need_section(l->ini, "data", file, err);
    if (s)
        tfx_section_values(registry, s, NULL, &host, &l->e.loader, err);
    if (host)
        l->e.eval_tokens = tfx_options_int(host, "eval_tokens");
    tfx_options_destroy(host);
    return err->status;
}

static tfx_status fill_models(loaded *l, const tfx_registry *registry, tfx_error *err)
{
    tfx_experiment *e = &l->e;
    e->models = TFX_NEW_ARRAY(tfx_model_spec, count_kind(l->ini, "model"));
    for (size_t i = 0; i < l->ini->n_sections; i++) {
        tfx_ini_section *s = &l->ini->sections[i];
        if (strcmp(s->kind, "model"))
            continue;
        if (make_paths_absolute(registry, l->ini, s, err) != TFX_OK)
            return err->status;
        tfx_model_spec *m = &e->models[e->n_models++];
        m->name = tfx_strdup(s->name);
        m->settings = s->keys;
        m->n_settings = s->n_keys;
        m->file = s->file;
        m->line = s->line;
    }
    return TFX_OK;
}

static tfx_status fill_scaling(loaded *l, const tfx_registry *registry, const tfx_options *host,
                               const tfx_ini_section *arm, tfx_arm *out, tfx_error *err)
{
    tfx_options *own = NULL;
    const char *name = tfx_options_string(host, "scaling");
    if (!*name)
        return TFX_OK;
    const tfx_ini_section *s = tfx_ini_find(l->ini, "scaling", name);
    if (!s)
        return tfx_ini_fail_unknown(l->ini, tfx_section_find(arm, "scaling"), "scaling", name, NULL, err);
    tfx_ini_section policy = tfx_section_without_events(s);
    const tfx_setting *named = tfx_section_find(s, "policy");
    size_t n;
    const tfx_option *decl = tfx_spec_declaration("scaling", &n);
    if (named && *named->value)
        tfx_section_values(registry, &policy, NULL, &own, &out->scaling, err);
    else if (!out->start.kind)
        tfx_fail_at(err, s->file, s->line,
                    "[scaling %s]: missing key \"policy\": expected text (the scaling plugin), since [arm %s] does not "
                    "start from another run",
                    name, out->name);
    else {
        out->scaling = (tfx_plugin_use){.section = tfx_printf("[scaling %s]", name), .file = s->file, .line = s->line};
        tfx_section_declared(registry, &policy, decl, n, NULL, NULL, NULL, &own, NULL, err);
    }
    tfx_options_destroy(own);
    free(policy.keys);
    if (err->status == TFX_OK && tfx_event_values(registry, l->ini, s, arm, out, err) == TFX_OK)
        out->scaling_name = tfx_strdup(name);
    return err->status;
}

static tfx_status fail_model(const tfx_arm *arm, const char *which, tfx_error *err)
{
    return tfx_fail_at(err, arm->file, arm->line,
                       "[arm %s]: missing key \"model\": expected text (the [model NAME] %s)", arm->name, which);
}

/* Heap; NULL: nothing. */
static char *text_or_null(const tfx_options *o, const char *name)
{
    const char *text = tfx_options_string(o, name);
    return *text ? tfx_strdup(text) : NULL;
}

static tfx_status fill_arm(loaded *l, const tfx_registry *registry, const tfx_ini_section *s, tfx_arm *out,
                           tfx_error *err)
{
    tfx_options *host = NULL;
    tfx_ini_section own = *s; /* without train.*, which is checked with [train] */
    own.keys = TFX_NEW_ARRAY(tfx_setting, s->n_keys);
    own.n_keys = 0;
    for (size_t i = 0; i < s->n_keys; i++)
        if (!tfx_key_below(s->keys[i].key, "train"))
            own.keys[own.n_keys++] = s->keys[i];
    out->name = tfx_strdup(s->name);
    out->file = s->file;
    out->line = s->line;
    if (tfx_section_values(registry, &own, NULL, &host, NULL, err) != TFX_OK)
        goto done;
    out->sweep = text_or_null(host, "sweep");
    out->base = text_or_null(host, "sweep.of");
    out->point = text_or_null(host, "sweep.point");
    out->twin = text_or_null(host, "twin");
    out->twin_of = text_or_null(host, "twin.of");
    out->grows_first = !strcmp(tfx_options_string(host, "scaling.when"), "start");
    const char *model = tfx_options_string(host, "model");
    for (size_t i = 0; i < l->e.n_models; i++)
        if (!strcmp(l->e.models[i].name, model))
            out->model = &l->e.models[i];
    if (!out->model && *model)
        tfx_ini_fail_unknown(l->ini, tfx_section_find(s, "model"), "model", model, NULL, err);
    else if (tfx_start_read(&out->start, tfx_section_find(s, "start"), host, err) == TFX_OK && !out->model &&
             out->start.kind != TFX_START_ARM)
        fail_model(out, "that the arm trains, or starts from when it grows", err);
    if (err->status == TFX_OK && out->grows_first && !*tfx_options_string(host, "scaling"))
        tfx_fail_keys(err, host, s, NULL, TFX_KEYS("scaling.when"),
                      "scaling.when: expected a scaling beside it; found none");
    if (err->status == TFX_OK && fill_scaling(l, registry, host, s, out, err) == TFX_OK)
        tfx_train_values(registry, tfx_ini_find(l->ini, "train", NULL), s, &out->train, err);
done:
    free(own.keys);
    tfx_options_destroy(host);
    return err->status;
}

/* An arm that starts from another one may leave its model to that, unless it has several. */
static tfx_status inherit_models(tfx_experiment *e, tfx_error *err)
{
    for (size_t i = 0; i < e->n_arms && err->status == TFX_OK; i++) {
        tfx_arm *arm = &e->arms[i];
        const tfx_arm *from = arm->start.arm;
        if (arm->model)
            continue;
        if (from->scaling.impl)
            fail_model(arm, "where it starts, since the other arm grows", err);
        arm->model = from->model;
    }
    return err->status;
}

static tfx_status find_mup_base(const loaded *l, tfx_train_config *t, tfx_error *err)
{
    const char *name = t->options ? tfx_options_string(t->options, "mup_base") : "";
    for (size_t i = 0; i < l->e.n_models && *name; i++)
        if (!strcmp(l->e.models[i].name, name))
            t->mup_base = &l->e.models[i];
    if (!*name || t->mup_base)
        return TFX_OK;
    tfx_setting at = {.key = "mup_base", .value = name};
    at.file = tfx_options_origin(t->options, at.key, &at.line);
    return tfx_ini_fail_unknown(l->ini, &at, "model", name, NULL, err);
}

static tfx_status find_mup_bases(loaded *l, tfx_error *err)
{
    for (size_t i = 0; i < l->e.n_arms && err->status == TFX_OK; i++) {
        tfx_arm *arm = &l->e.arms[i];
        find_mup_base(l, &arm->train, err);
        for (size_t k = 0; k < arm->n_events && err->status == TFX_OK; k++)
            if (arm->events[k].train)
                find_mup_base(l, arm->events[k].train, err);
    }
    return err->status;
}

static tfx_status fill_arms(loaded *l, const tfx_registry *registry, tfx_error *err)
{
    tfx_experiment *e = &l->e;
    e->arms = TFX_NEW_ARRAY(tfx_arm, count_kind(l->ini, "arm"));
    for (size_t i = 0; i < l->ini->n_sections; i++) {
        const tfx_ini_section *s = &l->ini->sections[i];
        if (!strcmp(s->kind, "arm") && fill_arm(l, registry, s, &e->arms[e->n_arms++], err) != TFX_OK)
            return err->status;
    }
    if (find_mup_bases(l, err) != TFX_OK)
        return err->status;
    return tfx_arms_order(e, l->ini, err) == TFX_OK && tfx_arms_order_planning(e, l->ini, err) == TFX_OK
               ? inherit_models(e, err)
               : err->status;
}

/* ---- loading ---- */

/* Takes over `ini` (NULL: resolving failed) and `file`. */
static tfx_experiment *build(const tfx_registry *registry, tfx_ini *ini, const char *shown, char *file, tfx_error *err)
{
    loaded *l = TFX_NEW(loaded);
    l->ini = ini;
    l->e.file = file;
    if (!ini || fill_experiment(l, registry, shown, err) != TFX_OK || fill_data(l, registry, shown, err) != TFX_OK ||
        fill_models(l, registry, err) != TFX_OK)
        goto done;
    if (!l->e.n_models || !count_kind(ini, "arm")) {
        tfx_fail_at(err, shown, 0, "expected at least one [%s NAME] section; found none",
                    l->e.n_models ? "arm" : "model");
        goto done;
    }
    if (fill_arms(l, registry, err) == TFX_OK)
        l->e.resolved = tfx_resolved_text(registry, &l->e, l->host, err);
done:
    if (err->status == TFX_OK)
        return &l->e;
    tfx_experiment_destroy(&l->e);
    return NULL;
}

static tfx_experiment *load(const tfx_registry *registry, const char *path, const char *profile,
                            const char *const *sets, size_t n_sets, tfx_lookup *lookup, tfx_error *err)
{
    return build(registry, tfx_spec_resolve_file(registry, path, profile, sets, n_sets, lookup, err), path,
                 realpath(path, NULL), err);
}

/* ---- profiles that were not chosen ---- */

static int is_used(const tfx_experiment *e, const tfx_model_spec *m)
{
    for (size_t i = 0; i < e->n_arms; i++)
        if (e->arms[i].model == m ||
            (e->arms[i].scaling.impl && tfx_plugin_use_option_with(&e->arms[i].scaling, m->name)))
            return 1;
    return 0;
}

static int can_be_made(const tfx_registry *registry, const tfx_model_spec *m, tfx_error *err)
{
    tfx_model *made = tfx_model_create(registry, m, err);
    tfx_model_destroy(made);
    return made != NULL;
}

/* Whether the models that are used in `with` can be made there, too, if they can be made in `e`. */
static void check_models(const tfx_registry *registry, const tfx_experiment *e, const tfx_experiment *with,
                         tfx_error *err)
{
    for (size_t i = 0; i < e->n_models && err->status == TFX_OK; i++) {
        tfx_error quiet = {0};
        const tfx_model_spec *m = tfx_experiment_model(with, e->models[i].name, &quiet);
        if (m && is_used(with, m) && can_be_made(registry, &e->models[i], &quiet))
            can_be_made(registry, m, err);
    }
}

/* A slip in a profile shows before somebody needs it. What fails with --set alone is not the profile's fault. */
static tfx_status check_profile(const tfx_registry *registry, const tfx_experiment *e, const char *path,
                                const char *profile, const char *const *sets, size_t n_sets, tfx_lookup *lookup,
                                tfx_error *err)
{
    tfx_error wrong = {0};
    for (int with_sets = n_sets > 0; with_sets >= 0; with_sets--) {
        wrong = (tfx_error){0};
        tfx_experiment *with = load(registry, path, profile, sets, with_sets ? n_sets : 0, lookup, &wrong);
        if (with)
            check_models(registry, e, with, &wrong);
        tfx_experiment_destroy(with);
        if (wrong.status == TFX_OK)
            return TFX_OK;
    }
    tfx_error_append(&wrong, " (with --profile %s)", profile);
    *err = wrong;
    return err->status;
}

tfx_experiment *tfx_experiment_load_with(const tfx_registry *registry, const char *path, const char *profile,
                                         const char *const *sets, size_t n_sets, tfx_lookup *lookup, tfx_error *err)
{
    tfx_experiment *e = load(registry, path, profile, sets, n_sets, lookup, err);
    const tfx_ini *ini = e ? ((const loaded *)e)->ini : NULL;
    if (lookup)
        lookup->checking = 1;
    for (size_t i = 0; e && i < ini->n_sections && err->status == TFX_OK; i++)
        if (!strcmp(ini->sections[i].kind, "profile") && (!profile || strcmp(ini->sections[i].name, profile)))
            check_profile(registry, e, path, ini->sections[i].name, sets, n_sets, lookup, err);
    if (lookup)
        lookup->checking = 0;
    if (err->status == TFX_OK)
        return e;
    tfx_experiment_destroy(e);
    return NULL;
}

tfx_experiment *tfx_experiment_load(const tfx_registry *registry, const char *path, const char *profile,
                                    const char *const *sets, size_t n_sets, tfx_error *err)
{
    return tfx_experiment_load_with(registry, path, profile, sets, n_sets, NULL, err);
}

tfx_experiment *tfx_experiment_parse(const tfx_registry *registry, const char *text, const char *origin, tfx_error *err)
{
    return build(registry, tfx_spec_resolve_text(registry, text, origin, err), origin, tfx_strdup(origin), err);
}

char *tfx_experiment_renewed(const tfx_registry *registry, const char *resolved)
{
    tfx_error unreadable = {0};
    tfx_experiment *e = tfx_experiment_parse(registry, resolved, "a recorded spec", &unreadable);
    char *text = tfx_strdup(e ? e->resolved : resolved);
    tfx_experiment_destroy(e);
    return text;
}

tfx_status tfx_experiment_resolve_again(tfx_experiment *e, const tfx_registry *registry, tfx_error *err)
{
    /* [experiment] stays as it was: how many threads one call of tfx run gives its runs is none of the spec's. */
    static const char next[] = "\n[data]\n";
    char *text = tfx_resolved_text(registry, e, ((const loaded *)e)->host, err);
    if (err->status == TFX_OK) {
        size_t head = (size_t)(strstr(e->resolved, next) - e->resolved);
        char *joined = tfx_printf("%.*s%s", (int)head, e->resolved, strstr(text, next));
        free(e->resolved);
        e->resolved = joined;
    }
    free(text);
    return err->status;
}

void tfx_experiment_destroy(tfx_experiment *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < e->n_models; i++)
        free(e->models[i].name); /* settings belong to the sections */
    for (size_t i = 0; i < e->n_arms; i++) {
        free(e->arms[i].name);
        free(e->arms[i].twin);
        free(e->arms[i].twin_of);
        free(e->arms[i].sweep);
        free(e->arms[i].base);
        free(e->arms[i].point);
        free(e->arms[i].scaling_name);
        tfx_plugin_use_finish(&e->arms[i].scaling);
        tfx_events_finish(&e->arms[i]);
        tfx_start_finish(&e->arms[i].start);
        tfx_train_finish(&e->arms[i].train);
    }
    tfx_plugin_use_finish(&e->backend);
    tfx_plugin_use_finish(&e->loader);
    free(e->models);
    free(e->arms);
    free(e->planning);
    free(e->name);
    free(e->description);
    free(e->seeds);
    free(e->file);
    free(e->resolved);
    tfx_options_destroy(((loaded *)e)->host);
    tfx_ini_destroy(((loaded *)e)->ini);
    free((loaded *)e);
}
