/* The program: finds the verb, parses its arguments, runs it. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/json.h"
#include "framework/base/suggest.h"
#include "framework/base/text.h"
#include "framework/cli/args.h"
#include "framework/cli/cli.h"
#include "framework/cli/config.h"
#include "framework/plugin/calls/backend_calls.h"
#include "framework/plugin/calls/crash.h"
#include "framework/plugin/options.h"
#include "framework/plugin/registry.h"

/* In the order of `tfx --help`, one on each line. */
static const tfx_command *const commands[] = {
    /* clang-format off */
    &tfx_cmd_run,
    &tfx_cmd_plan,
    &tfx_cmd_graph,
    &tfx_cmd_check_mup,
    &tfx_cmd_runs,
    &tfx_cmd_arms,
    &tfx_cmd_show,
    &tfx_cmd_lineage,
    &tfx_cmd_curve,
    &tfx_cmd_compare,
    &tfx_cmd_gain,
    &tfx_cmd_claim,
    &tfx_cmd_best,
    &tfx_cmd_report,
    &tfx_cmd_plot,
    &tfx_cmd_export,
    &tfx_cmd_sql,
    &tfx_cmd_fit,
    &tfx_cmd_eval,
    &tfx_cmd_generate,
    &tfx_cmd_tokenize,
    &tfx_cmd_grow,
    &tfx_cmd_plugin_new,
    &tfx_cmd_plugin_list,
    &tfx_cmd_plugin_show,
    &tfx_cmd_plugin_check,
    &tfx_cmd_tag,
    &tfx_cmd_note,
    &tfx_cmd_rename,
    &tfx_cmd_gc,
    &tfx_cmd_rm,
    &tfx_cmd_db_vacuum,
    &tfx_cmd_db_check,
    /* clang-format on */
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

const char *tfx_cli_program(void)
{
    static char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    return path;
}

const char *tfx_cli_source_include(void)
{
    static char built[PATH_MAX + 16];
    struct stat st;
    snprintf(built, sizeof(built), "%s", tfx_cli_program());
    char *file = strrchr(built, '/');
    if (!file)
        return NULL;
    strcpy(file, "/plugins");
    return stat(built, &st) == 0 && stat(TFX_SOURCE_INCLUDE "/tfx/abi.h", &st) == 0 ? TFX_SOURCE_INCLUDE : NULL;
}

const char *tfx_cli_plugin_dir(void)
{
    static const char *const places[] = {"plugins", TFX_PLUGINS_FROM_PROGRAM};
    static char path[PATH_MAX + sizeof(TFX_PLUGINS_FROM_PROGRAM) + 16];
    struct stat st;
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX);
    if (n > 0) {
        path[n] = '\0';
        char *file = strrchr(path, '/') + 1;
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
            strcpy(file, places[i]);
            if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
                return path;
        }
    }
    return TFX_INSTALLED_PLUGINS;
}

static void print_usage(FILE *out)
{
    fputs("tfx: train, grow and compare language models\n\nUsage: tfx VERB ...\n\n", out);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-12s  %s\n", commands[i]->name, commands[i]->summary);
    fputs("\ntfx VERB --help shows a verb's options with an example; tfx --help --json has those of all.\n"
          "tfx --version names the versions of tfx, its plugin ABI and its libraries.\n",
          out);
}

static void print_usage_json(void)
{
    cJSON *json = cJSON_CreateObject(), *verbs = cJSON_AddArrayToObject(json, "verbs");
    for (size_t i = 0; i < N_COMMANDS; i++)
        cJSON_AddItemToArray(verbs, tfx_cli_help_json(commands[i]));
    tfx_json_print(json, stdout);
    cJSON_Delete(json);
}

static void print_version(void)
{
    printf("tfx %s\nplugin ABI %d.%d\nSQLite %s\n", TFX_VERSION, TFX_ABI_MAJOR, TFX_ABI_MINOR, sqlite3_libversion());
    /* The compute backend knows its library and core; it is a plugin like any other. */
    tfx_error err = {0};
    tfx_registry *registry = tfx_registry_open(tfx_cli_plugin_dir(), &err);
    const tfx_backend_class *class = registry ? tfx_registry_find(registry, TFX_KIND_BACKEND, "cpu", &err) : NULL;
    tfx_options *options = class ? tfx_options_resolve(class->options, class->n_options, NULL, 0, "backend cpu", &err)
                                 : NULL;
    tfx_backend *backend = NULL;
    if (options && tfx_call_backend_open(class, options, &backend, &err) == TFX_OK)
        printf("backend cpu: %s\n", tfx_call_backend_describe(class, backend));
    else
        printf("backend cpu: not available (%s)\n", err.text);
    tfx_call_backend_close(class, backend);
    tfx_options_destroy(options);
    tfx_registry_close(registry);
}

/* The command that argv starts with; *words is how many arguments its name takes. */
static const tfx_command *find_command(int argc, char **argv, int *words)
{
    for (size_t i = 0; i < N_COMMANDS; i++) {
        const char *name = commands[i]->name, *space = strchr(name, ' ');
        size_t first = space ? (size_t)(space - name) : strlen(name);
        if (strlen(argv[0]) != first || strncmp(argv[0], name, first) != 0)
            continue;
        if (space && (argc < 2 || strcmp(argv[1], space + 1) != 0))
            continue;
        *words = space ? 2 : 1;
        return commands[i];
    }
    return NULL;
}

static int fail_unknown(int argc, char **argv)
{
    tfx_error err = {0};
    tfx_text all = {0};
    size_t first = strlen(argv[0]);
    /* When the first word is right ("plugin"), the second one is the question. */
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (!strncmp(commands[i]->name, argv[0], first) && commands[i]->name[first] == ' ')
            tfx_text_add(&all, "%s'tfx %s'", all.n ? " or " : "", commands[i]->name);
    if (all.n) {
        int has_word = argc > 1 && argv[1][0] != '-';
        tfx_fail(&err, TFX_E_INVALID, "expected %s, found 'tfx %s%s%s'", all.s, argv[0], has_word ? " " : "",
                 has_word ? argv[1] : "");
    } else {
        tfx_suggest known = {.name = argv[0]};
        for (size_t i = 0; i < N_COMMANDS; i++) /* of "plugin list", only the first can be meant */
            tfx_suggest_add(&known, "%.*s", (int)strcspn(commands[i]->name, " "), commands[i]->name);
        tfx_fail(&err, TFX_E_INVALID, "unknown verb '%s'", argv[0]);
        tfx_suggest_end(&known, NULL, &err);
    }
    tfx_text_free(&all);
    return tfx_cli_fail(&err);
}

static int dispatch(int argc, char **argv)
{
    if (argc < 1) {
        print_usage(stderr);
        return 2;
    }
    if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) {
        if (argc > 1 && !strcmp(argv[1], "--json"))
            print_usage_json();
        else
            print_usage(stdout);
        return 0;
    }
    if (!strcmp(argv[0], "--version")) {
        print_version();
        return 0;
    }

    int words = 0;
    const tfx_command *command = find_command(argc, argv, &words);
    if (!command)
        return fail_unknown(argc, argv);
    tfx_error err = {0};
    tfx_cli_args *args = tfx_cli_args_parse(command, argc - words, argv + words, &err);
    int status = 0;
    if (args && tfx_cli_args_help(args))
        tfx_cli_print_help(command, stdout);
    else if (args)
        status = command->run(args, &err);
    tfx_cli_args_destroy(args);
    return err.status == TFX_OK ? status : tfx_cli_fail(&err);
}

/* A standard stream that is closed would give its number to the next file that is opened, a checkpoint
 * for example, and what is printed would end up in it. Writing to what takes its place fails. */
static void fill_standard_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int main(int argc, char **argv)
{
    fill_standard_streams();
    tfx_crash_install();
    int status = dispatch(argc - 1, argv + 1);
    /* A full disk behind a redirection must not look like success. */
    int lost = ferror(stdout), reason = fflush(stdout) != 0 ? errno : 0;
    if (lost || reason) {
        fprintf(stderr, "tfx: standard output: %s\n", lost ? "not all of it could be written" : strerror(reason));
        status = status ? status : 1;
    }
    return status;
}
