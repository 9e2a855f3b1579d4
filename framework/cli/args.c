/* Arguments: see framework/cli/args.h.
 *
 * A verb declares its options; everything about parsing, help and misspellings is here. */
#include "framework/cli/args.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/log.h"
#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/base/text.h"

static const char help_doc[] = "print this";

struct tfx_cli_args {
    const tfx_command *command;
    const char **positional;
    size_t n_positional, cap_positional;
    struct given {           /* parallel to command->options */
        const char **values; /* a flag that was given has one value, NULL */
        size_t n, cap;
    } * given;
    int help;
};

static size_t count_options(const tfx_command *c)
{
    size_t n = 0;
    while (c->options && c->options[n].name)
        n++;
    return n;
}

/* The option whose name is the first n characters of `name`; -1 when undeclared. */
static int find_option(const tfx_command *c, const char *name, size_t n)
{
    for (int i = 0; c->options && c->options[i].name; i++)
        if (strlen(c->options[i].name) == n && !strncmp(c->options[i].name, name, n))
            return i;
    return -1;
}

static tfx_status fail_unknown(const tfx_command *c, const char *argument, tfx_error *err)
{
    char *name = tfx_strndup(argument, strcspn(argument, "="));
    tfx_suggest known = {.name = name + strspn(name, "-"), .prefix = "--"};
    for (size_t i = 0; i < count_options(c); i++)
        tfx_suggest_add(&known, "%s", c->options[i].name);
    tfx_suggest_add(&known, "help");
    tfx_fail(err, TFX_E_INVALID, "%s: unknown option %s", c->name, name);
    tfx_suggest_end(&known, NULL, err);
    free(name);
    return err->status;
}

/* The option of a letter; NULL: none has it. */
static const char *letter_name(const tfx_command *c, char letter)
{
    for (const tfx_cli_option *o = c->options; o && o->name; o++)
        if (o->letter == letter)
            return o->name;
    return NULL;
}

/* argv[*i] starts with "--", or is a dash and the letter of an option. Advances *i over a value of its own. */
static tfx_status parse_option(tfx_cli_args *a, int argc, char **argv, int *i, tfx_error *err)
{
    const tfx_command *c = a->command;
    const char *name = argv[*i][1] == '-' ? argv[*i] + 2 : letter_name(c, argv[*i][1]), *equals = strchr(name, '='),
               *value = NULL;
    int index = find_option(c, name, equals ? (size_t)(equals - name) : strlen(name));
    if (index < 0)
        return fail_unknown(c, argv[*i], err);
    const tfx_cli_option *o = &c->options[index];
    struct given *g = &a->given[index];
    if (!o->metavar && equals)
        return tfx_fail(err, TFX_E_INVALID, "%s: --%s takes no value, found '%s'", c->name, o->name, equals + 1);
    if (o->metavar) {
        if (equals)
            value = equals + 1;
        else if (*i + 1 < argc) {
            value = argv[++*i];
            /* `--db --json` is a forgotten value, not a file called --json. */
            if (!strncmp(value, "--", 2) && find_option(c, value + 2, strcspn(value + 2, "=")) >= 0)
                return tfx_fail(err, TFX_E_INVALID,
                                "%s: --%s needs a value %s, found %s (write --%s=%s if that is "
                                "the value)",
                                c->name, o->name, o->metavar, value, o->name, value);
        } else
            return tfx_fail(err, TFX_E_INVALID, "%s: --%s needs a value: --%s %s", c->name, o->name, o->name,
                            o->metavar);
        if (g->n && !o->repeat)
            return tfx_fail(err, TFX_E_INVALID, "%s: --%s was given twice: '%s' and '%s'", c->name, o->name,
                            g->values[0], value);
    }
    *TFX_APPEND(g->values, g->n, g->cap) = value;
    return TFX_OK;
}

/* "-" alone is a name, and so is a negative number. */
static int looks_like_option(const char *s)
{
    return s[0] == '-' && s[1] && !isdigit((unsigned char)s[1]) && s[1] != '.';
}

tfx_cli_args *tfx_cli_args_parse(const tfx_command *command, int argc, char **argv, tfx_error *err)
{
    tfx_cli_args *a = TFX_NEW(tfx_cli_args);
    int only_positional = 0;
    a->command = command;
    a->given = TFX_NEW_ARRAY(struct given, count_options(command));
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        a->help |= !strcmp(argv[i], "--help") || !strcmp(argv[i], "-h");
    for (int i = 0; i < argc && !a->help && err->status == TFX_OK; i++) {
        if (!only_positional && !strcmp(argv[i], "--"))
            only_positional = 1;
        else if (only_positional || !looks_like_option(argv[i]))
            *TFX_APPEND(a->positional, a->n_positional, a->cap_positional) = argv[i];
        else if (argv[i][1] != '-' && (argv[i][2] || !letter_name(command, argv[i][1])))
            fail_unknown(command, argv[i], err);
        else
            parse_option(a, argc, argv, &i, err);
    }
    if (!a->help && a->n_positional < (size_t)command->min_args)
        tfx_fail(err, TFX_E_INVALID, "%s: expected %s, found %s", command->name, command->synopsis,
                 a->n_positional ? "fewer arguments" : "no argument");
    else if (!a->help && command->max_args >= 0 && a->n_positional > (size_t)command->max_args)
        tfx_fail(err, TFX_E_INVALID, "%s: one argument too many: '%s' (expected %s)", command->name,
                 a->positional[command->max_args], command->synopsis);
    if (err->status == TFX_OK)
        return a;
    tfx_cli_args_destroy(a);
    return NULL;
}

void tfx_cli_args_destroy(tfx_cli_args *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < count_options(a->command); i++)
        free(a->given[i].values);
    free(a->given);
    free(a->positional);
    free(a);
}

int tfx_cli_args_help(const tfx_cli_args *a)
{
    return a->help;
}

void tfx_cli_print_help(const tfx_command *c, FILE *out)
{
    int width = (int)strlen("--help");
    for (const tfx_cli_option *o = c->options; o && o->name; o++) {
        int n = (o->letter ? 6 : 2) + (int)strlen(o->name) + (o->metavar ? 1 + (int)strlen(o->metavar) : 0);
        width = n > width ? n : width;
    }
    fprintf(out, "tfx %s %s\n\n%s\n\nOptions:\n", c->name, c->synopsis, c->summary);
    for (const tfx_cli_option *o = c->options; o && o->name; o++) {
        char letter[8] = "";
        if (o->letter)
            snprintf(letter, sizeof(letter), "-%c, ", o->letter);
        char *left = tfx_printf("%s--%s%s%s", letter, o->name, o->metavar ? " " : "", o->metavar ? o->metavar : "");
        fprintf(out, "  %-*s  %s%s\n", width, left, o->doc, o->repeat ? " (repeatable)" : "");
        free(left);
    }
    fprintf(out, "  %-*s  %s\n", width, "--help", help_doc);
    if (c->example) {
        size_t n = strlen(c->example);
        fprintf(out, "\nExample:\n%s%s", c->example, n && c->example[n - 1] == '\n' ? "" : "\n");
    }
}

static void add_option_json(cJSON *options, const tfx_cli_option *o)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", o->name);
    if (o->letter)
        cJSON_AddStringToObject(json, "letter", (const char[]){o->letter, '\0'});
    if (o->metavar)
        cJSON_AddStringToObject(json, "value", o->metavar);
    cJSON_AddBoolToObject(json, "repeatable", o->repeat);
    cJSON_AddStringToObject(json, "doc", o->doc);
    cJSON_AddItemToArray(options, json);
}

cJSON *tfx_cli_help_json(const tfx_command *c)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", c->name);
    cJSON_AddStringToObject(json, "synopsis", c->synopsis);
    cJSON_AddStringToObject(json, "summary", c->summary);
    cJSON *options = cJSON_AddArrayToObject(json, "options");
    for (const tfx_cli_option *o = c->options; o && o->name; o++)
        add_option_json(options, o);
    add_option_json(options, &(const tfx_cli_option){.name = "help", .doc = help_doc});
    cJSON_AddStringToObject(json, "example", c->example);
    return json;
}

/* ---- what verbs ask ---- */

static const struct given *given_of(const tfx_cli_args *a, const char *name)
{
    int i = find_option(a->command, name, strlen(name));
    assert(i >= 0 && "a verb asked for an option that it does not declare");
    return &a->given[i];
}

const char *tfx_cli_arg(const tfx_cli_args *a, size_t i)
{
    return i < a->n_positional ? a->positional[i] : NULL;
}

int tfx_cli_flag(const tfx_cli_args *a, const char *name)
{
    return given_of(a, name)->n > 0;
}

const char *tfx_cli_value(const tfx_cli_args *a, const char *name)
{
    const struct given *g = given_of(a, name);
    return g->n ? g->values[g->n - 1] : NULL;
}

const char *const *tfx_cli_values(const tfx_cli_args *a, const char *name, size_t *n)
{
    const struct given *g = given_of(a, name);
    *n = g->n;
    return g->values;
}

int tfx_cli_int(const tfx_cli_args *a, const char *name, long long def, long long min, long long max, long long *out,
                tfx_error *err)
{
    const char *text = tfx_cli_value(a, name);
    *out = def;
    if (!text)
        return 0;
    int64_t value;
    if (!tfx_parse_integer(text, &value) || value < min || value > max)
        return tfx_exit_status(tfx_fail(err, TFX_E_INVALID,
                                        "%s: --%s: expected a whole number from %lld to %lld, found '%s'",
                                        a->command->name, name, min, max, text));
    *out = value;
    return 0;
}

int tfx_cli_fail(const tfx_error *err)
{
    fflush(stdout);
    tfx_log_message("%s", err->text);
    return tfx_exit_status(err->status);
}
