/* Child: the process that carries out one rule, from both sides.
 *
 * It is the program itself, executed anew rather than forked: libraries with threads of their own do not live through a fork.
 * It writes a line of JSON for each thing that it says, and "end" last; what it prints besides is the plugin's, and what ends
 * it before is, too. */
#ifndef TFX_CONFORMANCE_CHILD_H
#define TFX_CONFORMANCE_CHILD_H

#include "framework/conformance/rule.h"

/* What a child is told on its command line. */
typedef struct tfx_child_order {
    const char *file, *plugin_dir; /* plugin_dir: as tfx_registry_open takes it */
    const char *rule;              /* "entry", or the name of a rule about a class */
    const char *cls;               /* KIND/NAME; NULL with "entry" */
    const char *const *sets;
    size_t n_sets;
    const char *folder;
} tfx_child_order;

/* Carries it out in this process, and says what it finds to the file descriptor `out`. */
void tfx_child_carry_out(const tfx_child_order *order, int out, int crash_fd);

/* One thing that a child said. */
typedef struct tfx_said {
    char *status, *message; /* status: a verdict's word, "class" */
} tfx_said;

typedef struct tfx_child_result {
    tfx_said *said;
    size_t n, cap;
    char *failure; /* why it did not get to its end; NULL: it did */
    char *printed; /* what the plugin printed, the start of it; NULL: nothing */
} tfx_child_result;

/* Starts `program` for that order, waits for its end, or kills it after so many seconds. */
tfx_status tfx_child_run(const char *program, const tfx_child_order *order, double seconds, tfx_child_result *out,
                         tfx_error *err);
void tfx_child_result_finish(tfx_child_result *r);

#endif
