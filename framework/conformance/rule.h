/* Rule: one thing that the headers in include/tfx/ demand of a plugin, put so that a program can find it broken.
 *
 * A rule is carried out in a process of its own, since what it looks for may crash, hang or spoil memory. It says what
 * it found through a tfx_subject, which is the plugin as that process has loaded it: at most one verdict, and notes. Some
 * rules, like the first of each kind, are about what all others stand on; where such a one is broken, those after it would
 * only say so again, and are skipped. */
#ifndef TFX_CONFORMANCE_RULE_H
#define TFX_CONFORMANCE_RULE_H

#include "framework/plugin/classes.h"
#include "framework/plugin/options.h"
#include "framework/plugin/registry.h"

typedef enum tfx_verdict {
    TFX_VERDICT_OK = 1,
    TFX_VERDICT_FAIL,
    TFX_VERDICT_NOTE, /* true of the plugin, and allowed */
    TFX_VERDICT_SKIP  /* not checked, for a reason that is told */
} tfx_verdict;

const char *tfx_verdict_word(tfx_verdict v); /* "ok", "FAIL", "note", "skip" */

/* What a rule is about. */
typedef struct tfx_subject {
    const tfx_registry *registry; /* with the file before all other plugins */
    const tfx_loaded_plugin *plugin;
    const char *kind; /* TFX_KIND_* */
    const void *impl;
    tfx_class_info info;
    char name[160];          /* "layer mlp" */
    const char *const *sets; /* "KEY=VALUE", as the user gives them */
    size_t n_sets;
    const char *folder;    /* for files that the rule makes; goes away afterwards */
    tfx_setting *settings; /* `sets`, and what has to be made up */
    size_t n_settings, cap_settings;
    int out;                /* file descriptor that verdicts are written to */
    int decided;            /* a verdict was given */
    int float_mode_changed; /* by loading the plugin */
} tfx_subject;

typedef struct tfx_rule {
    const char *kind; /* TFX_KIND_*; NULL: every kind */
    const char *name;
    int basic; /* those after it are skipped where it is broken */
    void (*carry_out)(tfx_subject *s);
    const char *demand; /* what must hold, for --help */
} tfx_rule;

/* The rules about a class, in the order in which they are checked; ends with a NULL name. */
extern const tfx_rule tfx_class_rules[];

/* ---- what a rule says; each is one line ---- */

void tfx_say_ok(tfx_subject *s, const char *fmt, ...) TFX_PRINTF(2, 3);
void tfx_say_fail(tfx_subject *s, const char *fmt, ...) TFX_PRINTF(2, 3);
void tfx_say_note(tfx_subject *s, const char *fmt, ...) TFX_PRINTF(2, 3);
void tfx_say_skip(tfx_subject *s, const char *fmt, ...) TFX_PRINTF(2, 3);
/* What the rule is about to do: told with a crash, or when time is up. */
void tfx_say_doing(tfx_subject *s, const char *fmt, ...) TFX_PRINTF(2, 3);

/* Any other word, which means something to the process that listens. */
void tfx_say(tfx_subject *s, const char *word, const char *fmt, ...) TFX_PRINTF(3, 4);

/* Writes over what is left on the stack of calls that are over: what a plugin lends must not lie there. */
void tfx_scribble(void);

/* Whether an error is a plain one: a message of the plugin's own for a reason that a caller can know. The others say that
 * the plugin broke its contract, or gave no message. */
int tfx_error_is_refusal(const tfx_error *err);

#endif
