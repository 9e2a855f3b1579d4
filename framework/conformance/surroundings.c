/* Surroundings: what belongs to the whole process, and is as it was after a class has lived in it. */
#include <fenv.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/conformance/class_rules.h"
#include "framework/conformance/trial.h"

extern char **environ;

enum { N_SIGNALS = 32 };

typedef struct surroundings {
    char folder[PATH_MAX], locale[512];
    int rounding;
    mode_t mask;
    sigset_t blocked;
    void (*handlers[N_SIGNALS])(int);
    size_t n_environment, environment_length;
} surroundings;

static void look(surroundings *s)
{
    memset(s, 0, sizeof(*s));
    if (!getcwd(s->folder, sizeof(s->folder)))
        s->folder[0] = '\0';
    const char *locale = setlocale(LC_ALL, NULL);
    strncpy(s->locale, locale ? locale : "", sizeof(s->locale) - 1);
    s->rounding = fegetround();
    s->mask = umask(0);
    umask(s->mask);
    sigprocmask(SIG_BLOCK, NULL, &s->blocked);
    for (int i = 1; i < N_SIGNALS; i++) {
        struct sigaction a;
        if (!sigaction(i, NULL, &a))
            s->handlers[i] = a.sa_handler;
    }
    for (char **e = environ; e && *e; e++) {
        s->n_environment++;
        s->environment_length += strlen(*e);
    }
}

/* What has changed; NULL: nothing. */
static const char *changed(const surroundings *a, const surroundings *b)
{
    return strcmp(a->folder, b->folder)                            ? "the working directory"
           : strcmp(a->locale, b->locale)                          ? "the locale"
           : a->rounding != b->rounding                            ? "the rounding of floating-point numbers"
           : a->mask != b->mask                                    ? "the umask"
           : memcmp(&a->blocked, &b->blocked, sizeof(a->blocked))  ? "the signals that are blocked"
           : memcmp(a->handlers, b->handlers, sizeof(a->handlers)) ? "a signal's handler"
           : a->n_environment != b->n_environment || a->environment_length != b->environment_length ? "the environment"
                                                                                                    : NULL;
}

void tfx_rule_surroundings(tfx_subject *s)
{
    if (s->float_mode_changed)
        tfx_say_fail(s, "loading it changes how the whole process computes (tiny numbers become zero); link it without "
                        "-Ofast and -ffast-math");
    static surroundings before, after;
    tfx_error err = {0};
    look(&before);
    tfx_trial(s, NULL, NULL, &err);
    look(&after);
    const char *what = changed(&before, &after);
    if (what)
        tfx_say_fail(s, "it changes %s, which belongs to the whole process", what);
    tfx_say_ok(s, "working directory, locale, rounding, signals and environment are as they were");
}
