/* CLI: one file per verb; a verb parses, calls the framework, and prints. No logic here. */
#ifndef TFX_CLI_CLI_H
#define TFX_CLI_CLI_H

#include <stddef.h>

#include "framework/base/error.h"

/* An option of a verb: `--name` or, with metavar, `--name METAVAR` (`--name=METAVAR`). */
typedef struct tfx_cli_option {
    const char *name;
    const char *metavar; /* NULL: a flag */
    int repeat;          /* may be given more than once */
    const char *doc;
    char letter; /* for `-o`; 0: none */
} tfx_cli_option;

typedef struct tfx_cli_args tfx_cli_args;

typedef struct tfx_command {
    const char *name;                                  /* "plan", or "plugin list" */
    const char *synopsis;                              /* "SPEC [--json]" */
    const char *summary;                               /* one line for `tfx --help` */
    const char *example;                               /* whole lines for `tfx VERB --help`, "  tfx plan ..." */
    const tfx_cli_option *options;                     /* ends with a NULL name; --help is always there */
    int min_args, max_args;                            /* positional; max_args -1: any number */
    int (*run)(const tfx_cli_args *a, tfx_error *err); /* returns the exit status when err holds none */
} tfx_command;

/* Values; asking for an undeclared option is a bug (assert). */
const char *tfx_cli_arg(const tfx_cli_args *a, size_t i); /* NULL past the end */
int tfx_cli_flag(const tfx_cli_args *a, const char *name);
const char *tfx_cli_value(const tfx_cli_args *a, const char *name); /* NULL: not given; the last when repeated */
const char *const *tfx_cli_values(const tfx_cli_args *a, const char *name, size_t *n);
/* A whole number within [min, max]; `def` when not given; a message and exit status 2 otherwise. */
int tfx_cli_int(const tfx_cli_args *a, const char *name, long long def, long long min, long long max, long long *out,
                tfx_error *err);

/* Prints "tfx: message" to stderr and returns the exit status that goes with it. */
int tfx_cli_fail(const tfx_error *err);

/* The folder with the plugins that belong to this program: "plugins" beside the executable when that exists (a
 * build folder), else the installed one: as far from the program as it was installed, so that a whole prefix can be
 * moved, or, where there is none, where it was installed. Static. */
const char *tfx_cli_plugin_dir(void);

/* The exit status of a verb that SIGINT or SIGTERM ended. */
#define TFX_CLI_INTERRUPTED 130

/* The program's own file, and of one in a build folder the headers that it was built with, else NULL. Static. */
const char *tfx_cli_program(void);
const char *tfx_cli_source_include(void);

/* The verbs, each defined in the file of its name. */
extern const tfx_command tfx_cmd_run;
extern const tfx_command tfx_cmd_plan;
extern const tfx_command tfx_cmd_graph;
extern const tfx_command tfx_cmd_check_mup;
extern const tfx_command tfx_cmd_runs;
extern const tfx_command tfx_cmd_arms;
extern const tfx_command tfx_cmd_show;
extern const tfx_command tfx_cmd_lineage;
extern const tfx_command tfx_cmd_curve;
extern const tfx_command tfx_cmd_compare;
extern const tfx_command tfx_cmd_gain;
extern const tfx_command tfx_cmd_claim;
extern const tfx_command tfx_cmd_best;
extern const tfx_command tfx_cmd_report;
extern const tfx_command tfx_cmd_plot;
extern const tfx_command tfx_cmd_export;
extern const tfx_command tfx_cmd_sql;
extern const tfx_command tfx_cmd_fit;
extern const tfx_command tfx_cmd_eval;
extern const tfx_command tfx_cmd_generate;
extern const tfx_command tfx_cmd_tokenize;
extern const tfx_command tfx_cmd_grow;
extern const tfx_command tfx_cmd_plugin_new;
extern const tfx_command tfx_cmd_plugin_list;
extern const tfx_command tfx_cmd_plugin_show;
extern const tfx_command tfx_cmd_plugin_check;
extern const tfx_command tfx_cmd_tag;
extern const tfx_command tfx_cmd_note;
extern const tfx_command tfx_cmd_rename;
extern const tfx_command tfx_cmd_gc;
extern const tfx_command tfx_cmd_rm;
extern const tfx_command tfx_cmd_db_vacuum;
extern const tfx_command tfx_cmd_db_check;

#endif
