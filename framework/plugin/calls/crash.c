/* In the handler, only reads of memory and calls that POSIX names async-signal-safe. */
#include "framework/plugin/calls/crash.h"

#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "framework/base/log.h"
#include "framework/plugin/calls/call.h"
#include "framework/plugin/classes.h"

static const struct {
    int number;
    const char *name;
} fatal[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"}, {SIGABRT, "SIGABRT"}};

enum { N_FATAL = sizeof(fatal) / sizeof(*fatal) };

static struct sigaction before[N_FATAL];
static const char *(*file_of)(const void *registry, const void *impl);
static const void *registry;       /* for file_of */
static tfx_call *const *main_call; /* where the main thread keeps its innermost call */
static int record_fd = -1;
static char stack[1 << 16]; /* the thread's own may be what has run out */

typedef struct line {
    char text[1024];
    size_t n;
} line;

/* Up to a NULL. */
static void add_texts(line *l, const char *const *texts)
{
    for (; *texts; texts++) {
        size_t n = strlen(*texts), room = sizeof(l->text) - 1 - l->n; /* for the end of the line */
        n = n < room ? n : room;
        memcpy(l->text + l->n, *texts, n);
        l->n += n;
    }
}
#define ADD(l, ...) add_texts(l, (const char *const[]){__VA_ARGS__, NULL})

/* The shared object that the processor was in, where that is a plugin: another one than the call's, as a kernel that a backend
 * runs. dladdr takes no lock in glibc, but of the list of objects, which changes only while plugins are loaded. */
static const char *object_at(const ucontext_t *context)
{
    Dl_info info;
    void *at = NULL;
#if defined(__x86_64__)
    at = (void *)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    at = (void *)context->uc_mcontext.pc;
#else
    (void)context;
#endif
    if (!at || !dladdr(at, &info) || !info.dli_fname)
        return NULL;
    size_t n = strlen(info.dli_fname);
    return n > 3 && !strcmp(info.dli_fname + n - 3, ".so") ? info.dli_fname : NULL;
}

/* "layer mlp (/path/mlp.so) crashed in `build` for blocks.3.ffn (SIGSEGV)" */
static void describe(line *l, const tfx_call *c, const char *signal_name, const char *object)
{
    if (!c->kind) {
        ADD(l, c->about, " crashed while it was loaded (", signal_name, ")");
        return;
    }
    const tfx_class_info info = tfx_class_describe(c->kind, c->impl);
    const char *file = file_of ? file_of(registry, c->impl) : NULL;
    ADD(l, info.kind, " ", info.name);
    if (file)
        ADD(l, " (", file, ")");
    ADD(l, " crashed in `", c->function, "`");
    if (c->about)
        ADD(l, " for ", c->about);
    ADD(l, " (", signal_name, ")");
    if (object && file && strcmp(object, file))
        ADD(l, ", in ", object);
    if (c->first.status != TFX_OK)
        ADD(l, ", after: ", c->first.text);
}

static void report(size_t which, const ucontext_t *context)
{
    line l = {.n = 0};
    /* A thread of the plugin's own has no call; the main thread then waits in the one that it works for. */
    const tfx_call *c = tfx_call_current();
    ADD(&l, "tfx: ");
    if (*tfx_log_named())
        ADD(&l, tfx_log_named(), ": ");
    size_t skip = l.n;
    if (!c)
        c = *main_call;
    if (c)
        describe(&l, c, fatal[which].name, object_at(context));
    else
        ADD(&l, "a bug in tfx, not in a plugin: ", fatal[which].name);
    l.text[l.n++] = '\n';
    ssize_t unused = write(STDERR_FILENO, l.text, l.n);
    if (record_fd >= 0)
        unused = write(record_fd, l.text + skip, l.n - skip);
    (void)unused; /* there is nobody left to tell */
}

static void on_signal(int number, siginfo_t *info, void *context)
{
    for (size_t i = 0; i < N_FATAL; i++) {
        if (fatal[i].number != number)
            continue;
        /* One that somebody sent is no crash, but abort sends its own. */
        int sent = info->si_code <= 0;
        if (!sent || (number == SIGABRT && info->si_pid == getpid()))
            report(i, context);
        sigaction(number, &before[i], NULL);
        if (sent)
            raise(number); /* delivered on return; the others happen again by themselves */
    }
}

void tfx_crash_install(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};
    main_call = tfx_call_place();
    sigaltstack(&other, NULL);
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < N_FATAL; i++)
        sigaction(fatal[i].number, &action, &before[i]);
}

void tfx_crash_record(int fd)
{
    record_fd = fd;
}

void tfx_crash_files(const char *(*f)(const void *registry, const void *impl), const void *r)
{
    file_of = f;
    registry = r;
}
