#include "framework/spec/resolve.h"

#include <stdio.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/spec/declarations.h"
#include "framework/spec/keys.h"
#include "framework/spec/overlay.h"
#include "framework/spec/overrides.h"
#include "framework/spec/sweep.h"
#include "framework/spec/twins.h"
#include "framework/spec/vars.h"

/* A chain of files longer than this was not written by a person. */
#define MAX_CHAIN 32

/* ---- files ---- */

/* The files of the `extends` chain, the spec itself first. */
typedef struct chain {
    tfx_ini *files[MAX_CHAIN];
    char *real[MAX_CHAIN]; /* absolute names, to see cycles */
    size_t n;
} chain;

static void free_chain(chain *c)
{
    for (size_t i = 0; i < c->n; i++) {
        tfx_ini_destroy(c->files[i]);
        free(c->real[i]);
    }
}

static char *beside(const char *file, const char *name)
{
    const char *slash = strrchr(file, '/');
    if (*name == '/' || !slash)
        return tfx_strdup(name);
    return tfx_printf("%.*s%s", (int)(slash - file) + 1, file, name);
}

/* Reads what the last file of the chain extends, and so on. */
static tfx_status follow_extends(chain *c, tfx_error *err)
{
    for (;;) {
        tfx_ini *last = c->files[c->n - 1];
        tfx_ini_section *s = tfx_ini_find(last, "experiment", NULL);
        const tfx_setting *extends = tfx_section_find(s, "extends");
        if (!extends)
            return TFX_OK;
        tfx_setting from = *extends; /* its strings belong to `last` */
        tfx_section_remove(s, "extends");
        if (strstr(from.value, "${"))
            return tfx_fail_at(err, from.file, from.line,
                               "extends: variables cannot be used here, because they are "
                               "known only when every file is read; found \"%.100s\"",
                               from.value);
        if (!*from.value)
            return tfx_fail_at(err, from.file, from.line, "extends: expected the path of a spec file; found nothing");
        char *path = beside(from.file, from.value), *real = realpath(path, NULL);
        for (size_t i = 0; real && i < c->n; i++) {
            if (c->real[i] && !strcmp(c->real[i], real)) {
                tfx_fail_at(err, from.file, from.line, "extends: %s extends itself, directly or through others", path);
                break;
            }
        }
        if (err->status == TFX_OK && c->n == MAX_CHAIN)
            tfx_fail_at(err, from.file, from.line, "extends: more than %d files extend each other", MAX_CHAIN);
        tfx_ini *next = NULL;
        if (err->status == TFX_OK) {
            next = tfx_ini_read(path, err);
            /* A file that cannot be read has no line of its own to point at. */
            if (!next && !real)
                tfx_error_prefix(err, "%s:%d: extends", from.file, from.line);
        }
        free(path);
        if (!next) {
            free(real);
            return err->status;
        }
        c->files[c->n] = next;
        c->real[c->n++] = real;
    }
}

/* ---- arms that are left out ---- */

static int is_dropped(const tfx_ini_section *s, tfx_error *err)
{
    const tfx_setting *drop = strcmp(s->kind, "arm") ? NULL : tfx_section_find(s, "drop");
    size_t n;
    const tfx_option *decl = tfx_spec_declaration("arm", &n);
    char title[160];
    if (!drop)
        return 0;
    tfx_options *value = tfx_options_resolve(tfx_option_find(decl, n, "drop"), 1, drop, 1, tfx_section_title(title, s),
                                             err);
    int dropped = value && tfx_options_bool(value, "drop");
    tfx_options_destroy(value);
    return dropped;
}

/* An arm that a file drops must be in what it extends, and has nothing else to say. */
static tfx_status check_drop(const tfx_ini *base, const tfx_ini_section *s, tfx_error *err)
{
    char title[160];
    const tfx_setting *drop = tfx_section_find(s, "drop");
    if (!is_dropped(s, err))
        return err->status;
    for (size_t i = 0; i < s->n_keys; i++)
        if (&s->keys[i] != drop)
            return tfx_fail_at(err, s->keys[i].file, s->keys[i].line,
                               "%s: expected no other key beside drop = true; found \"%s\"",
                               tfx_section_title(title, s), s->keys[i].key);
    tfx_suggest known = {.name = s->name};
    const tfx_ini_section *old = tfx_ini_find(base, "arm", s->name);
    for (size_t i = 0; i < base->n_sections; i++)
        if (!strcmp(base->sections[i].kind, "arm") && !is_dropped(&base->sections[i], err))
            tfx_suggest_add(&known, "%s", base->sections[i].name);
    if (!old || is_dropped(old, err))
        tfx_fail_at(err, drop->file, drop->line, "drop: there is no %s in what this spec extends",
                    tfx_section_title(title, s));
    return tfx_suggest_end(&known, "it has no arms", err);
}

/* ---- layers ---- */

/* Lays the sections of `over` over those of `ini`, and takes over its strings. */
static tfx_status merge_file(const tfx_registry *registry, tfx_ini *ini, tfx_ini *over, tfx_error *err)
{
    for (size_t i = 0; i < over->n_sections && err->status == TFX_OK; i++)
        check_drop(ini, &over->sections[i], err);
    for (size_t i = 0; i < over->n_sections && err->status == TFX_OK; i++) {
        const tfx_ini_section *s = &over->sections[i];
        tfx_ini_section *base = tfx_ini_find(ini, s->kind, s->name);
        if (!base)
            base = tfx_ini_add_section(ini, s->kind, s->name, s->file, s->line);
        if (is_dropped(base, err))
            base->n_keys = 0; /* the name is free again */
        base->file = s->file;
        base->line = s->line;
        tfx_section_overlay(registry, ini, base, s->keys, s->n_keys);
    }
    tfx_ini_absorb(ini, over);
    return err->status;
}

/* The keys of one section over the whole chain, later files first to last; the caller
 * frees keys. Values are as written. */
static tfx_ini_section gather(const chain *c, const char *kind, const char *name)
{
    tfx_ini_section all = {.kind = kind, .name = name};
    for (size_t i = c->n; i-- > 0;) {
        const tfx_ini_section *s = tfx_ini_find(c->files[i], kind, name);
        if (s)
            tfx_section_set_all(&all, s->keys, s->n_keys);
    }
    return all;
}

static tfx_status check_profile_name(const chain *c, const char *file, const char *profile, tfx_error *err)
{
    tfx_suggest known = {.name = profile};
    int found = 0;
    for (size_t i = 0; i < c->n; i++) {
        for (size_t k = 0; k < c->files[i]->n_sections; k++) {
            const tfx_ini_section *s = &c->files[i]->sections[k];
            if (strcmp(s->kind, "profile"))
                continue;
            tfx_suggest_add(&known, "%s", s->name);
            found |= !strcmp(s->name, profile);
        }
    }
    if (!found)
        tfx_fail_at(err, file, 0, "--profile %s: there is no [profile %s] in this spec", profile, profile);
    return tfx_suggest_end(&known, "it has no profiles", err);
}

/* ---- sections that extend another of their kind ---- */

/* An arm can outlive the one that it extends, and has its own twins. */
static int is_own(const char *key)
{
    return !strcmp(key, "drop") || !strcmp(key, "twins") || !strcmp(key, "twin") || tfx_key_below(key, "twin");
}

/* What has inherited says `extends` no more; `busy` marks the sections that are at it. */
static tfx_status inherit(const tfx_registry *registry, tfx_ini *ini, size_t at, int *busy, tfx_error *err)
{
    tfx_ini_section *s = &ini->sections[at];
    const tfx_setting *extends = tfx_section_find(s, "extends");
    int named;
    if (!extends || !tfx_section_kind(s->kind, &named) || !named)
        return TFX_OK;
    tfx_setting from = *extends;
    const tfx_ini_section *parent = tfx_ini_find(ini, s->kind, from.value);
    if (!*from.value) {
        tfx_section_remove(s, "extends"); /* extends nothing: a profile may want that */
        return TFX_OK;
    }
    if (!parent)
        return tfx_ini_fail_unknown(ini, &from, s->kind, from.value, s, err);
    busy[at] = 1;
    size_t parent_at = (size_t)(parent - ini->sections);
    if (busy[parent_at])
        return tfx_fail_at(err, from.file, from.line, "extends: [%s %s] extends [%s %s], which extends it in turn",
                           s->kind, s->name, s->kind, from.value);
    if (inherit(registry, ini, parent_at, busy, err) != TFX_OK)
        return err->status;

    tfx_section_remove(s, "extends");
    tfx_ini_section all = {.kind = s->kind, .name = s->name, .file = s->file, .line = s->line};
    for (size_t i = 0; i < parent->n_keys; i++)
        if (!is_own(parent->keys[i].key))
            tfx_section_set(&all, &parent->keys[i]);
    tfx_section_overlay(registry, ini, &all, s->keys, s->n_keys);
    free(s->keys);
    *s = all;
    busy[at] = 0;
    return TFX_OK;
}

/* ---- everything in order ---- */

/* Variables and dropped arms go when others have taken over what they say. */
static void remove_spent(tfx_ini *ini, tfx_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < ini->n_sections; i++) {
        const tfx_ini_section *s = &ini->sections[i];
        if (!strcmp(s->kind, "vars") || is_dropped(s, err))
            free(s->keys);
        else
            ini->sections[kept++] = *s;
    }
    ini->n_sections = kept;
}

/* What a profile says that was not chosen is not taken from anywhere. */
static tfx_status substitute_section(const tfx_ini_section *vars, tfx_lookup *lookup, const char *profile,
                                     tfx_ini_section *s, tfx_ini *ini, tfx_error *err)
{
    const tfx_vars_source source = {lookup, strcmp(s->kind, "profile") || (profile && !strcmp(s->name, profile))};
    for (size_t i = 0; i < s->n_keys && strcmp(s->kind, "vars") && err->status == TFX_OK; i++)
        tfx_vars_substitute(vars, &source, &s->keys[i], ini, err);
    return err->status;
}

/* Takes over the files of the chain. */
static tfx_ini *resolve(const tfx_registry *registry, chain *c, const char *file, const char *profile,
                        const char *const *sets, size_t n_sets, tfx_lookup *lookup, tfx_error *err)
{
    tfx_ini *ini = TFX_NEW(tfx_ini);
    tfx_ini_section vars = {0}, chosen = {0}, set = {0};
    const tfx_vars_source source = {lookup, 1};
    int *busy = NULL;

    if (follow_extends(c, err) != TFX_OK || (profile && check_profile_name(c, file, profile, err) != TFX_OK))
        goto done;
    for (size_t i = 0; i < n_sets; i++)
        if (tfx_override_parse(sets[i], ini, &set, err) != TFX_OK)
            goto done;

    vars = gather(c, "vars", NULL);
    if (profile)
        chosen = gather(c, "profile", profile);
    if (tfx_override_vars(ini, &vars, chosen.keys, chosen.n_keys, err) != TFX_OK ||
        tfx_override_vars(ini, &vars, set.keys, set.n_keys, err) != TFX_OK ||
        tfx_vars_expand(&vars, ini, err) != TFX_OK)
        goto done;
    for (size_t i = c->n; i-- > 0;)
        for (size_t k = 0; k < c->files[i]->n_sections; k++)
            if (substitute_section(&vars, lookup, profile, &c->files[i]->sections[k], ini, err) != TFX_OK)
                goto done;
    for (size_t i = 0; i < set.n_keys; i++)
        if (!tfx_key_below(set.keys[i].key, "vars") &&
            tfx_vars_substitute(&vars, &source, &set.keys[i], ini, err) != TFX_OK)
            goto done;

    while (c->n > 0) {
        free(c->real[--c->n]);
        merge_file(registry, ini, c->files[c->n], err);
    }
    if (err->status != TFX_OK)
        goto done;
    /* Every profile must fit the spec, so that a slip in one shows before somebody needs it. */
    for (size_t i = 0; i < ini->n_sections; i++) {
        const tfx_ini_section *p = &ini->sections[i];
        if (strcmp(p->kind, "profile"))
            continue;
        tfx_ini_section scratch = {0};
        tfx_section_set_all(&scratch, vars.keys, vars.n_keys);
        tfx_override_vars(ini, &scratch, p->keys, p->n_keys, err);
        free(scratch.keys);
        if (err->status != TFX_OK || tfx_override_sections(registry, ini, p->keys, p->n_keys, 0, err) != TFX_OK)
            goto done;
    }
    if (profile) {
        /* The section moves when others are added; its keys stay where they are. */
        const tfx_ini_section *p = tfx_ini_find(ini, "profile", profile);
        if (tfx_override_sections(registry, ini, p->keys, p->n_keys, 1, err) != TFX_OK)
            goto done;
    }
    if (tfx_override_sections(registry, ini, set.keys, set.n_keys, 1, err) != TFX_OK)
        goto done;
    busy = TFX_NEW_ARRAY(int, ini->n_sections);
    for (size_t i = 0; i < ini->n_sections; i++)
        if (inherit(registry, ini, i, busy, err) != TFX_OK)
            goto done;
    remove_spent(ini, err);
    /* Twins first: a sweep may name them. */
    if (err->status == TFX_OK && tfx_twins_apply(registry, ini, err) == TFX_OK)
        tfx_sweeps_apply(registry, ini, err);
done:
    free(busy);
    free(set.keys);
    free(vars.keys);
    free(chosen.keys);
    if (err->status != TFX_OK) {
        tfx_ini_destroy(ini);
        ini = NULL;
    }
    free_chain(c);
    return ini;
}

tfx_ini *tfx_spec_resolve_file(const tfx_registry *registry, const char *path, const char *profile,
                               const char *const *sets, size_t n_sets, tfx_lookup *lookup, tfx_error *err)
{
    chain c = {0};
    c.files[0] = tfx_ini_read(path, err);
    if (!c.files[0])
        return NULL;
    c.real[0] = realpath(path, NULL);
    c.n = 1;
    return resolve(registry, &c, path, profile, sets, n_sets, lookup, err);
}

/* What an earlier version resolved says also what is said elsewhere now. Nobody could change it there. */
static void leave_out_removed(tfx_ini *ini)
{
    for (size_t i = 0; i < ini->n_sections; i++) {
        tfx_ini_section *s = &ini->sections[i];
        for (size_t k = s->n_keys; k-- > 0;) {
            const char *key = s->keys[k].key, *kind = s->kind, *name = key;
            if (!strcmp(kind, "arm") && tfx_key_below(key, "train")) {
                kind = "train";
                name = key + strlen("train.");
            }
            if (tfx_spec_removed(kind, name))
                tfx_section_remove(s, key);
        }
    }
}

tfx_ini *tfx_spec_resolve_text(const tfx_registry *registry, const char *text, const char *origin, tfx_error *err)
{
    chain c = {0};
    c.files[0] = tfx_ini_parse(text, strlen(text), origin, TFX_INI_MAX_RESOLVED_LINE, err);
    if (!c.files[0])
        return NULL;
    leave_out_removed(c.files[0]);
    c.n = 1;
    return resolve(registry, &c, origin, NULL, NULL, 0, NULL, err);
}
