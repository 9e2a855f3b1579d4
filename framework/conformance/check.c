#include "framework/conformance/check.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/conformance/child.h"
#include "framework/conformance/symbols.h"
#include "framework/plugin/elf_entry.h"

static const char *const file_rules[][2] = {
    {"symbols", "one exported symbol, tfx_plugin_entry; none of the host's; no executable stack"},
    {"entry", "the file loads into this tfx, and its tables are sound"},
    {"output", "nothing is printed: errors go to host->fail, all else to host->log"},
};
enum { N_FILE_RULES = sizeof(file_rules) / sizeof(*file_rules) };

const char *tfx_file_rule(size_t i, const char **demand)
{
    if (i >= N_FILE_RULES)
        return NULL;
    *demand = file_rules[i][1];
    return file_rules[i][0];
}

typedef struct checker {
    const tfx_check_params *p;
    char *folder;
    int n_failed;
    char *printed; /* what came first of what was printed */
} checker;

static int wanted(const checker *c, const char *rule)
{
    return !c->p->rule || !strcmp(c->p->rule, rule);
}

static void tell(checker *c, const char *cls, const char *rule, tfx_verdict v, const char *message)
{
    const tfx_finding f = {(char *)cls, (char *)rule, v, (char *)message};
    if (v != TFX_VERDICT_FAIL && !wanted(c, rule))
        return;
    c->n_failed += v == TFX_VERDICT_FAIL;
    c->p->report(c->p->ctx, &f);
}

static tfx_verdict verdict_of(const char *word)
{
    for (tfx_verdict v = TFX_VERDICT_OK; v <= TFX_VERDICT_SKIP; v++)
        if (!strcmp(tfx_verdict_word(v), word))
            return v;
    return 0;
}

/* "layer mlp" of "layer/mlp"; heap. */
static char *title(const char *cls)
{
    char *text = tfx_strdup(cls);
    *strchr(text, '/') = ' ';
    return text;
}

/* Carries out one rule and tells what came of it: *worst is FAIL, SKIP or OK. */
static tfx_status carry_out(checker *c, const char *rule, const char *cls, tfx_child_result *r, tfx_verdict *worst,
                            tfx_error *err)
{
    const tfx_check_params *p = c->p;
    const tfx_child_order order = {p->file, p->plugin_dir, rule, cls, p->sets, p->n_sets, c->folder};
    char *who = cls ? title(cls) : tfx_strdup("plugin");
    int decided = 0;
    *worst = TFX_VERDICT_OK;
    if (tfx_child_run(p->program, &order, p->seconds, r, err) == TFX_OK) {
        for (size_t i = 0; i < r->n; i++) {
            tfx_verdict v = verdict_of(r->said[i].status);
            if (!v || (r->failure && v == TFX_VERDICT_OK))
                continue;
            decided |= v != TFX_VERDICT_NOTE;
            if (v == TFX_VERDICT_FAIL || (v == TFX_VERDICT_SKIP && *worst == TFX_VERDICT_OK))
                *worst = v;
            tell(c, who, rule, v, r->said[i].message);
        }
        if (r->failure && *worst != TFX_VERDICT_FAIL) {
            *worst = TFX_VERDICT_FAIL;
            decided = 1;
            tell(c, who, rule, TFX_VERDICT_FAIL, r->failure);
        }
        if (!decided)
            tell(c, who, rule, TFX_VERDICT_OK, "nothing is wrong");
        if (r->printed && !r->failure && !c->printed)
            c->printed = tfx_printf("expected nothing; found during %s of %s: %s", rule, who, r->printed);
    }
    free(who);
    return err->status;
}

static void check_class(checker *c, const char *cls, tfx_error *err)
{
    const char *broken = NULL;
    int skipped = 0;
    for (const tfx_rule *r = tfx_class_rules; r->name && err->status == TFX_OK; r++) {
        const char *word = r->kind ? tfx_kind_word(r->kind) : NULL;
        if ((word && (strncmp(word, cls, strlen(word)) || cls[strlen(word)] != '/')) || !wanted(c, r->name))
            continue;
        if (broken) {
            char *who = title(cls), *why = tfx_printf("since `%s` %s", broken, skipped ? "was skipped" : "is broken");
            tell(c, who, r->name, TFX_VERDICT_SKIP, why);
            free(why);
            free(who);
            continue;
        }
        tfx_child_result result;
        tfx_verdict worst;
        carry_out(c, r->name, cls, &result, &worst, err);
        tfx_child_result_finish(&result);
        if (worst != TFX_VERDICT_OK && r->basic) {
            broken = r->name;
            skipped = worst == TFX_VERDICT_SKIP;
        }
    }
}

/* One that is no rule's name is a mistake of the caller. */
static tfx_status check_rule_name(const char *name, tfx_error *err)
{
    tfx_suggest known = {.name = name};
    int found = 0;
    for (size_t i = 0; i < N_FILE_RULES; i++) {
        found |= !strcmp(file_rules[i][0], name);
        tfx_suggest_add(&known, "%s", file_rules[i][0]);
    }
    for (const tfx_rule *r = tfx_class_rules; r->name; r++) {
        found |= !strcmp(r->name, name);
        tfx_suggest_add(&known, "%s", r->name);
    }
    if (!found)
        tfx_fail(err, TFX_E_INVALID, "--rule: there is no rule '%s'", name);
    return tfx_suggest_end(&known, NULL, err); /* says nothing where nothing was wrong */
}

static void check_symbols(checker *c)
{
    tfx_error why = {0};
    unsigned n_needed;
    char text[100];
    if (tfx_symbols_check(c->p->file, &n_needed, &why) == TFX_OK)
        snprintf(text, sizeof(text), "tfx_plugin_entry alone is exported; %u come from libraries", n_needed);
    tell(c, "plugin", "symbols", why.status == TFX_OK ? TFX_VERDICT_OK : TFX_VERDICT_FAIL,
         why.status == TFX_OK ? text : why.text);
}

static void check_all(checker *c, tfx_error *err)
{
    tfx_child_result entry;
    int n_classes = 0;
    tfx_verdict worst;
    const char *only = c->p->rule;
    const tfx_check_params *shown = c->p;
    if (wanted(c, "symbols"))
        check_symbols(c);
    /* What classes there are is asked in any case, and told where it is wanted or wrong. */
    carry_out(c, "entry", NULL, &entry, &worst, err);
    int failed = worst == TFX_VERDICT_FAIL;
    for (size_t i = 0; i < entry.n && !failed && err->status == TFX_OK; i++)
        if (!strcmp(entry.said[i].status, "class") && (!shown->cls || !strcmp(shown->cls, entry.said[i].message))) {
            check_class(c, entry.said[i].message, err);
            n_classes++;
        }
    if (err->status == TFX_OK && !failed && shown->cls && !n_classes) {
        tfx_suggest known = {.name = shown->cls};
        for (size_t i = 0; i < entry.n; i++)
            if (!strcmp(entry.said[i].status, "class"))
                tfx_suggest_add(&known, "%s", entry.said[i].message);
        tfx_fail(err, TFX_E_INVALID, "--class: %s has no class '%s'", shown->file, shown->cls);
        tfx_suggest_end(&known, "it has none", err);
    }
    tfx_child_result_finish(&entry);
    if (err->status == TFX_OK && (!only || c->printed || wanted(c, "output")))
        tell(c, "plugin", "output", c->printed ? TFX_VERDICT_FAIL : TFX_VERDICT_OK,
             c->printed ? c->printed : "nothing is printed");
}

static void remove_folder(const char *folder)
{
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));) {
        char *path = tfx_printf("%s/%s", folder, e->d_name);
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            unlink(path);
        free(path);
    }
    if (d)
        closedir(d);
    rmdir(folder);
}

tfx_status tfx_check_plugin(const tfx_check_params *p, int *n_failed, tfx_error *err)
{
    tfx_elf_entry entry;
    checker c = {.p = p};
    const char *tmp = getenv("TMPDIR");
    *n_failed = 0;
    for (size_t i = 0; i < p->n_sets; i++)
        if (!strchr(p->sets[i], '=') || p->sets[i][0] == '=')
            return tfx_fail(err, TFX_E_INVALID, "--set: expected KEY=VALUE, found '%s'", p->sets[i]);
    if (p->rule && check_rule_name(p->rule, err) != TFX_OK)
        return err->status;
    if (tfx_elf_entry_read(p->file, &entry, err) != TFX_OK) {
        err->status = TFX_E_INVALID;
        tfx_error_prefix(err, "%s", p->file);
        return err->status;
    }
    c.folder = tfx_printf("%s/tfx-check-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(c.folder)) {
        tfx_fail(err, TFX_E_IO, "%s: %s", c.folder, strerror(errno));
    } else {
        check_all(&c, err);
        remove_folder(c.folder);
    }
    free(c.folder);
    free(c.printed);
    *n_failed = c.n_failed;
    return err->status;
}
