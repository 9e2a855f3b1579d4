/* tfx plugin check: whether a plugin keeps the promises of the headers. */
#include <cjson/cJSON.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/json.h"
#include "framework/cli/database.h"
#include "framework/conformance/check.h"
#include "framework/conformance/child.h"

enum { DEFAULT_SECONDS = 30, EXIT_BROKEN = 1 };

static cJSON *findings; /* with --json */
static int n_verdicts[TFX_VERDICT_SKIP + 1];

static void print(void *ctx, const tfx_finding *f)
{
    (void)ctx;
    n_verdicts[f->verdict]++;
    if (!findings) {
        printf("%-4s  %s: %s: %s\n", tfx_verdict_word(f->verdict), f->cls, f->rule, f->message);
        fflush(stdout); /* a rule may take its time */
        return;
    }
    cJSON *json = cJSON_CreateObject();
    const char *word = f->verdict == TFX_VERDICT_FAIL ? "fail" : tfx_verdict_word(f->verdict);
    cJSON_AddStringToObject(json, "rule", f->rule);
    cJSON_AddStringToObject(json, "class", f->cls);
    cJSON_AddStringToObject(json, "status", word);
    cJSON_AddStringToObject(json, "message", f->message);
    cJSON_AddItemToArray(findings, json);
}

/* The program, which is executed again for each rule, wherever it was moved meanwhile. */
static const char program[] = "/proc/self/exe";

static int check(const tfx_cli_args *a, long long seconds, tfx_error *err)
{
    tfx_check_params p = {.program = program,
                          .file = tfx_cli_arg(a, 0),
                          .plugin_dir = tfx_cli_plugin_dir(),
                          .rule = tfx_cli_value(a, "rule"),
                          .cls = tfx_cli_value(a, "class"),
                          .seconds = (double)seconds,
                          .report = print};
    int n_failed = 0;
    p.sets = tfx_cli_values(a, "set", &p.n_sets);
    if (tfx_cli_flag(a, "json"))
        findings = cJSON_CreateArray();
    tfx_status status = tfx_check_plugin(&p, &n_failed, err);
    if (status == TFX_OK && findings)
        tfx_json_print(findings, stdout);
    else if (status == TFX_OK)
        printf("%s: %d ok, %d failed, %d skipped%s\n", p.file, n_verdicts[TFX_VERDICT_OK], n_verdicts[TFX_VERDICT_FAIL],
               n_verdicts[TFX_VERDICT_SKIP], n_verdicts[TFX_VERDICT_NOTE] ? "; notes are about what is allowed" : "");
    cJSON_Delete(findings);
    findings = NULL;
    return n_failed ? EXIT_BROKEN : 0;
}

/* One rule: of every class where `kind` is NULL. */
static void print_rule(cJSON *list, const char *kind, const char *name, const char *demand)
{
    if (!list) {
        printf("%-9s  %-12s  %s\n", kind, name, demand);
        return;
    }
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "about", kind);
    cJSON_AddStringToObject(json, "rule", name);
    cJSON_AddStringToObject(json, "demand", demand);
    cJSON_AddItemToArray(list, json);
}

static void print_rules(int as_json)
{
    cJSON *list = as_json ? cJSON_CreateArray() : NULL;
    const char *name, *demand;
    for (size_t i = 0; (name = tfx_file_rule(i, &demand)); i++)
        print_rule(list, "plugin", name, demand);
    for (const tfx_rule *r = tfx_class_rules; r->name; r++)
        print_rule(list, r->kind ? tfx_kind_word(r->kind) : "all", r->name, r->demand);
    if (list)
        tfx_json_print(list, stdout);
    cJSON_Delete(list);
}

static int run(const tfx_cli_args *a, tfx_error *err)
{
    long long seconds, child_fd, crash_fd;
    int rules = tfx_cli_flag(a, "rules");
    if (!tfx_cli_arg(a, 0) == !rules) {
        tfx_fail(err, TFX_E_INVALID, "plugin check: expected FILE or --rules, found %s", rules ? "both" : "neither");
        return 0;
    }
    if (rules) {
        print_rules(tfx_cli_flag(a, "json"));
        return 0;
    }
    if (tfx_cli_int(a, "timeout", DEFAULT_SECONDS, 1, 3600, &seconds, err) ||
        tfx_cli_int(a, "child-fd", -1, -1, INT_MAX, &child_fd, err) ||
        tfx_cli_int(a, "crash-fd", -1, -1, INT_MAX, &crash_fd, err))
        return 0;
    if (child_fd < 0)
        return check(a, seconds, err);
    tfx_child_order o = {.file = tfx_cli_arg(a, 0),
                         .plugin_dir = tfx_cli_plugin_dir(),
                         .rule = tfx_cli_value(a, "rule"),
                         .cls = tfx_cli_value(a, "class"),
                         .folder = tfx_cli_value(a, "child-folder")};
    o.sets = tfx_cli_values(a, "set", &o.n_sets);
    tfx_child_carry_out(&o, (int)child_fd, (int)crash_fd);
    return 0;
}

static const tfx_cli_option options[] = {
    {"set", "KEY=VALUE", 1, "an option of the class to check it with: of a layer's slots, too (mixer.heads=2)"},
    {"rule", "NAME", 0, "only this rule"},
    {"rules", NULL, 0, "instead of FILE: list the rules"},
    {"class", "KIND/NAME", 0, "only this class of the plugin"},
    {"timeout", "SECONDS", 0, "that a rule may take (default: 30)"},
    {TFX_CLI_JSON_OPTION},
    {"child-fd", "FD", 0, "carry out one rule and write what it finds there; tfx uses it for its own processes"},
    {"crash-fd", "FD", 0, "where such a process says what made it crash"},
    {"child-folder", "DIR", 0, "where such a process may write files"},
    {NULL},
};

const tfx_command tfx_cmd_plugin_check = {
    .name = "plugin check",
    .synopsis =
        "FILE [--set KEY=VALUE]... [--class KIND/NAME] [--rule NAME] [--timeout SECONDS] [--json] | --rules [--json]",
    .summary = "Check whether a plugin keeps the promises of the headers.",
    .example = "  tfx plugin check ./swiglu.so\n"
               "  tfx plugin check ./my_policy.so --set models=large --set steps=100\n"
               "  tfx plugin check ./swiglu.so --rule gradients --json\n"
               "  tfx plugin check --rules\n\n"
               "Each rule is checked in a process of its own, which may crash or hang. docs/checking-a-plugin.md has\n"
               "what the rules are. Exit status: 0 all of them hold; 1 some are broken; 2 FILE is no plugin.\n",
    .options = options,
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
