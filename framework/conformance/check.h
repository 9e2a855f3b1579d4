/* Check: all rules about one plugin, each in a process of its own. */
#ifndef TFX_CONFORMANCE_CHECK_H
#define TFX_CONFORMANCE_CHECK_H

#include "framework/conformance/rule.h"

typedef struct tfx_finding {
    char *cls; /* "layer mlp"; "plugin" for rules about the file */
    char *rule;
    tfx_verdict verdict;
    char *message;
} tfx_finding;

typedef struct tfx_check_params {
    const char *program;           /* this one: it is executed again for each rule */
    const char *file, *plugin_dir; /* plugin_dir: where plugins are that come with the program */
    const char *const *sets;       /* options as "KEY=VALUE" */
    size_t n_sets;
    const char *rule, *cls;                          /* only that rule, only the class KIND/NAME; NULL: all */
    double seconds;                                  /* that a rule may take */
    void (*report)(void *ctx, const tfx_finding *f); /* each one as it is found */
    void *ctx;
} tfx_check_params;

/* *n_failed: rules that were broken. An error says that nothing could be checked: the file is no plugin at all. */
tfx_status tfx_check_plugin(const tfx_check_params *p, int *n_failed, tfx_error *err);

/* The rules about the file itself: name and demand of the i-th; NULL past the end. */
const char *tfx_file_rule(size_t i, const char **demand);

#endif
