/* tfx plugin list, tfx plugin show: what is installed, what was refused, and the options of
 * each class as it declares them. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/json.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/cli/database.h"
#include "framework/cli/plugin_built.h"
#include "framework/cli/plugin_class.h"
#include "framework/plugin/classes.h"
#include "framework/plugin/options.h"
#include "framework/plugin/registry.h"
#include "framework/spec/document.h"

/* ---- shared ---- */

/* Whether `plugin show NAME` prints this class: NAME is its name or its plugin's. */
static int wanted(const tfx_loaded_plugin *p, const tfx_factory *f, const char *name)
{
    if (!tfx_kind_word(f->kind))
        return 0;
    return !name || !strcmp(p->entry->name, name) || !strcmp(tfx_class_describe(f->kind, f->impl).name, name);
}

/* `built` NULL: names and summaries are enough. */
static cJSON *plugin_json(const tfx_registry *r, const tfx_loaded_plugin *p, const char *name,
                          const tfx_plugin_built *built)
{
    char abi[32];
    cJSON *json = cJSON_CreateObject();
    snprintf(abi, sizeof(abi), "%u.%u", p->entry->abi_major, p->entry->abi_minor);
    cJSON_AddStringToObject(json, "name", p->entry->name);
    cJSON_AddStringToObject(json, "version", p->entry->version);
    cJSON_AddStringToObject(json, "summary", p->entry->summary);
    cJSON_AddStringToObject(json, "abi", abi);
    cJSON_AddStringToObject(json, "path", p->path);
    cJSON_AddStringToObject(json, "hash", p->hash);
    cJSON *classes = cJSON_AddArrayToObject(json, "classes");
    for (size_t j = 0; p->entry->factories[j]; j++) {
        const tfx_factory *f = p->entry->factories[j];
        if (!wanted(p, f, name))
            continue;
        cJSON *class = tfx_plugin_class_json(r, f, built != NULL);
        if (built)
            tfx_plugin_built_add(built, f->impl, class);
        cJSON_AddItemToArray(classes, class);
    }
    return json;
}

/* ---- list ---- */

/* "layer: linear, mlp; optimizer: lion" */
static char *offers(const tfx_registry *r, const tfx_loaded_plugin *p)
{
    tfx_text t = {0};
    const char *last = "";
    tfx_text_add(&t, "%s", "");
    for (size_t j = 0; p->entry->factories[j]; j++) {
        const tfx_factory *f = p->entry->factories[j];
        if (!wanted(p, f, NULL))
            continue;
        tfx_class_info c = tfx_class_describe(f->kind, f->impl);
        const tfx_loaded_plugin *other = tfx_plugin_replaced_by(r, f);
        if (strcmp(last, c.kind))
            tfx_text_add(&t, "%s%s: %s", *last ? "; " : "", c.kind, c.name);
        else
            tfx_text_add(&t, ", %s", c.name);
        if (other)
            tfx_text_add(&t, " (replaced by plugin %s)", other->entry->name);
        last = c.kind;
    }
    return t.s;
}

static int width(int least, const char *s)
{
    int n = (int)strlen(s);
    return n > least ? n : least;
}

static void list_text(const tfx_registry *r)
{
    size_t n = tfx_registry_count(r), n_refused = tfx_registry_refused_count(r);
    char **offer = TFX_NEW_ARRAY(char *, n);
    int w_name = 4, w_version = 7, w_offer = 6, w_summary = 7;
    for (size_t i = 0; i < n; i++) {
        const tfx_plugin *e = tfx_registry_at(r, i)->entry;
        offer[i] = offers(r, tfx_registry_at(r, i));
        w_name = width(w_name, e->name);
        w_version = width(w_version, e->version);
        w_offer = width(w_offer, offer[i]);
        w_summary = width(w_summary, e->summary);
    }
    if (n)
        printf("%-*s  %-*s  %-*s  %-*s  %s\n", w_name, "name", w_version, "version", w_offer, "offers", w_summary,
               "summary", "file");
    else
        printf("no plugins\n");
    for (size_t i = 0; i < n; i++) {
        const tfx_loaded_plugin *p = tfx_registry_at(r, i);
        printf("%-*s  %-*s  %-*s  %-*s  %s\n", w_name, p->entry->name, w_version, p->entry->version, w_offer, offer[i],
               w_summary, p->entry->summary, p->path);
        free(offer[i]);
    }
    free(offer);
    if (n_refused)
        printf("\nrefused:\n");
    for (size_t i = 0; i < n_refused; i++) {
        const tfx_refused_plugin *p = tfx_registry_refused_at(r, i);
        printf("  %s\n      %s\n", p->path, p->reason);
    }
}

static void list_json(const tfx_registry *r)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *plugins = cJSON_AddArrayToObject(json, "plugins");
    for (size_t i = 0; i < tfx_registry_count(r); i++)
        cJSON_AddItemToArray(plugins, plugin_json(r, tfx_registry_at(r, i), NULL, NULL));
    cJSON *refused = cJSON_AddArrayToObject(json, "refused");
    for (size_t i = 0; i < tfx_registry_refused_count(r); i++) {
        const tfx_refused_plugin *p = tfx_registry_refused_at(r, i);
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "path", p->path);
        cJSON_AddStringToObject(item, "reason", p->reason);
        cJSON_AddItemToArray(refused, item);
    }
    tfx_json_print(json, stdout);
    cJSON_Delete(json);
}

static int run_list(const tfx_cli_args *a, tfx_error *err)
{
    tfx_registry *r = tfx_registry_open(tfx_cli_plugin_dir(), err);
    if (r)
        (tfx_cli_flag(a, "json") ? list_json : list_text)(r);
    tfx_registry_close(r);
    return 0;
}

/* ---- show ---- */

static void show_plugin(const tfx_registry *r, const tfx_loaded_plugin *p, const char *name,
                        const tfx_plugin_built *built, int again)
{
    const tfx_plugin *e = p->entry;
    printf("%s%s %s: %s\n  file  %s\n  hash  %s (XXH3-128)\n  ABI   %u.%u\n", again ? "\n" : "", e->name, e->version,
           e->summary, p->path, p->hash, e->abi_major, e->abi_minor);
    for (size_t j = 0; e->factories[j]; j++)
        if (wanted(p, e->factories[j], name)) {
            tfx_plugin_class_print(r, e->factories[j]);
            tfx_plugin_built_print(built, e->factories[j]->impl);
        }
}

static int offers_name(const tfx_loaded_plugin *p, const char *name)
{
    int any = !strcmp(p->entry->name, name);
    for (size_t j = 0; !any && p->entry->factories[j]; j++)
        any = wanted(p, p->entry->factories[j], name);
    return any;
}

static void fail_unknown(const tfx_registry *r, const char *name, tfx_error *err)
{
    if (strchr(name, '/')) {
        tfx_fail(
            err, TFX_E_INVALID,
            "plugin show: expected the name of a plugin or class, found '%s'; plugins are those in $TFX_PLUGIN_PATH "
            "and the built-in ones ('tfx plugin check' takes files)",
            name);
        return;
    }
    tfx_suggest known = {.name = name};
    tfx_registry_suggest(r, NULL, &known);
    for (size_t i = 0; i < tfx_registry_count(r); i++)
        tfx_suggest_add(&known, "%s", tfx_registry_at(r, i)->entry->name);
    tfx_registry_fail_unknown(r, "plugin or class", &known, "there is none at all", err);
}

/* docs/spec-keys.md, with the plugins that are found here. */
static void show_document(const tfx_registry *r)
{
    tfx_text t = {0};
    tfx_spec_document(r, &t);
    fputs(t.s, stdout);
    tfx_text_free(&t);
}

/* The plugins that have this name, or classes of it. */
static void show_named(const tfx_registry *r, const char *name, const tfx_cli_args *a, tfx_error *err)
{
    int json = tfx_cli_flag(a, "json"), shown = 0;
    tfx_plugin_built built = {0};
    size_t known = 0;
    for (size_t i = 0; i < tfx_registry_count(r); i++)
        known += (size_t)offers_name(tfx_registry_at(r, i), name);
    if (!known)
        fail_unknown(r, name, err);
    else
        tfx_plugin_build(&built, r, name, a, err);
    cJSON *found = cJSON_CreateArray();
    for (size_t i = 0; i < tfx_registry_count(r) && err->status == TFX_OK; i++) {
        const tfx_loaded_plugin *p = tfx_registry_at(r, i);
        if (!offers_name(p, name))
            continue;
        if (json)
            cJSON_AddItemToArray(found, plugin_json(r, p, name, &built));
        else
            show_plugin(r, p, name, &built, shown);
        shown++;
    }
    if (shown && json)
        tfx_json_print(found, stdout);
    cJSON_Delete(found);
    tfx_plugin_built_finish(&built);
}

static int run_show(const tfx_cli_args *a, tfx_error *err)
{
    const char *name = tfx_cli_arg(a, 0);
    int json = tfx_cli_flag(a, "json"), markdown = tfx_cli_flag(a, "markdown"), builds = tfx_plugin_builds(a);
    if (!name == !markdown || ((json || builds) && markdown)) {
        tfx_fail(err, TFX_E_INVALID, "plugin show: expected %s, found %s", tfx_cmd_plugin_show.synopsis,
                 name               ? "NAME and --markdown"
                 : json && markdown ? "--json and --markdown"
                 : builds           ? "options of a class without NAME"
                                    : "neither NAME nor --markdown");
        return 0;
    }
    tfx_registry *r = tfx_registry_open(tfx_cli_plugin_dir(), err);
    if (r && markdown)
        show_document(r);
    else if (r)
        show_named(r, name, a, err);
    tfx_registry_close(r);
    return 0;
}

static const tfx_cli_option list_options[] = {{TFX_CLI_JSON_OPTION}, {NULL}};

static const tfx_cli_option show_options[] = {
    {TFX_CLI_JSON_OPTION},
    {TFX_CLI_DIM_OPTION},
    {TFX_CLI_OUT_DIM_OPTION},
    {TFX_CLI_CONTEXT_OPTION},
    {TFX_CLI_VOCAB_OPTION},
    {TFX_CLI_SET_CLASS_OPTION},
    {"markdown", NULL, 0, "instead of NAME: the reference of all spec keys, as a page"},
    {NULL},
};

const tfx_command tfx_cmd_plugin_list = {
    .name = "plugin list",
    .synopsis = "[--json]",
    .summary = "List the plugins that were found, and those that were refused.",
    .example = "  tfx plugin list\n"
               "  TFX_PLUGIN_PATH=$HOME/my-plugins tfx plugin list --json\n",
    .options = list_options,
    .run = run_list,
};

const tfx_command tfx_cmd_plugin_show = {
    .name = "plugin show",
    .synopsis = "NAME [--dim N [--out-dim N] [--context N] [--vocab N]] [--set KEY=VALUE]... [--json] | --markdown",
    .summary = "Show a plugin or class: its options, slots, parameters or states, file and hash.",
    .example = "  tfx plugin show pattention\n"
               "  tfx plugin show pattention --dim 64 --set slots=128\n"
               "  tfx plugin show adamw --set moments=bf16\n"
               "  tfx plugin show --markdown > docs/spec-keys.md\n",
    .options = show_options,
    .min_args = 0,
    .max_args = 1,
    .run = run_show,
};
