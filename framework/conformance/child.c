#include "framework/conformance/child.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "framework/base/clock.h"
#include "framework/base/memory.h"
#include "framework/base/text.h"

#define EXIT_NOT_STARTED 127

typedef struct child {
    pid_t pid;
    int result;                /* reads what it says */
    int crash, output, errors; /* files */
} child;

static int open_memory(const char *name)
{
    return memfd_create(name, MFD_CLOEXEC);
}

static void start(child *c, const char *program, const tfx_child_order *o, int write_end)
{
    char out[16], crash[16];
    const char **argv = TFX_NEW_ARRAY(const char *, 20 + 2 * o->n_sets);
    size_t n = 0;
    snprintf(out, sizeof(out), "%d", write_end);
    snprintf(crash, sizeof(crash), "%d", c->crash);
    const char *fixed[] = {program, "plugin",     "check", "--rule",         o->rule,  "--child-fd",
                           out,     "--crash-fd", crash,   "--child-folder", o->folder};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
        argv[n++] = fixed[i];
    if (o->cls) {
        argv[n++] = "--class";
        argv[n++] = o->cls;
    }
    for (size_t i = 0; i < o->n_sets; i++) {
        argv[n++] = "--set";
        argv[n++] = o->sets[i];
    }
    argv[n++] = "--";
    argv[n++] = o->file;
    fflush(NULL);
    pid_t parent = getpid();
    c->pid = fork();
    if (c->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setpgid(0, 0); /* what it starts is killed with it */
        int null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        dup2(c->output, STDOUT_FILENO);
        dup2(c->errors, STDERR_FILENO);
        /* So that what is freed is not in use any more, by the allocator's own count. */
        setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
        fcntl(write_end, F_SETFD, 0);
        fcntl(c->crash, F_SETFD, 0);
        if (getppid() == parent)
            execv(program, (char *const *)argv);
        _exit(EXIT_NOT_STARTED);
    }
    free(argv);
}

/* Everything that the child says until it closes its end; whether time was left. */
static int listen_to(child *c, double seconds, tfx_text *said)
{
    double until = tfx_now() + seconds;
    for (;;) {
        struct pollfd p = {c->result, POLLIN, 0};
        double left = until - tfx_now();
        char buf[4096];
        int ready = left > 0 ? poll(&p, 1, (int)(left * 1000) + 1) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return 0;
        ssize_t n = read(c->result, buf, sizeof(buf));
        if (n <= 0)
            return 1;
        tfx_text_add(said, "%.*s", (int)n, buf);
    }
}

/* How it ended: *status as waitpid gives it; 0 when it had to be killed. */
static int wait_for(child *c, double seconds, int *status)
{
    double until = tfx_now() + seconds;
    while (waitpid(c->pid, status, WNOHANG) == 0) {
        if (tfx_now() > until) {
            kill(-c->pid, SIGKILL);
            kill(c->pid, SIGKILL);
            waitpid(c->pid, status, 0);
            return 0;
        }
        usleep(500);
    }
    kill(-c->pid, SIGKILL); /* whoever is left of its group */
    return 1;
}

/* The first 300 bytes of a file, on one line; without those of lines that the host wrote. Heap, or NULL. */
static char *read_text(int fd, int plugins_only)
{
    char buf[8192];
    ssize_t n = pread(fd, buf, sizeof(buf) - 1, 0);
    tfx_text t = {0};
    buf[n > 0 ? n : 0] = '\0';
    for (char *line = buf, *next; *line && t.n < 300; line = next) {
        size_t length = strcspn(line, "\n");
        next = line + length + (line[length] == '\n');
        if (length && !(plugins_only && !strncmp(line, "tfx: ", 5)))
            tfx_text_add(&t, "%s%.*s", t.n ? " | " : "", length < 300 ? (int)length : 300, line);
    }
    return t.s;
}

/* Takes the lines apart; returns whether "end" was among them. *doing: the last thing that was begun, on the heap. */
static int take_apart(const char *text, tfx_child_result *r, char **doing)
{
    int ended = 0;
    for (const char *line = text; line && *line;) {
        size_t n = strcspn(line, "\n");
        cJSON *json = cJSON_ParseWithLength(line, n);
        const char *status = cJSON_GetStringValue(cJSON_GetObjectItem(json, "status"));
        const char *message = cJSON_GetStringValue(cJSON_GetObjectItem(json, "message"));
        if (status && !strcmp(status, "end")) {
            ended = 1;
        } else if (status && message && !strcmp(status, "doing")) {
            free(*doing);
            *doing = tfx_strdup(message);
        } else if (status && message) {
            *TFX_APPEND(r->said, r->n, r->cap) = (tfx_said){tfx_strdup(status), tfx_strdup(message)};
        }
        cJSON_Delete(json);
        line += n + (line[n] == '\n');
    }
    return ended;
}

static char *describe_end(const child *c, int status, int in_time, double seconds, const char *doing)
{
    static const char hosts[] = "a bug in tfx, not in a plugin: ";
    char *crash = read_text(c->crash, 0), *errors = read_text(c->errors, 0), *text;
    const char *during = doing ? ", during: " : "", *what = doing ? doing : "";
    if (crash && !strncmp(crash, hosts, sizeof(hosts) - 1)) {
        text = tfx_printf("crashed outside of the plugin (%s), whose memory it has spoilt", crash + sizeof(hosts) - 1);
        free(crash);
        crash = text;
    }
    if (!in_time)
        text = tfx_printf("not done after %g s, and killed%s%s%s%s", seconds, crash ? ": " : "", crash ? crash : "",
                          during, what);
    else if (WIFSIGNALED(status))
        text = tfx_printf("%s%s%s",
                          crash                         ? crash
                          : WTERMSIG(status) == SIGKILL ? "killed by the system (out of memory?)"
                                                        : strsignal(WTERMSIG(status)),
                          during, what);
    else
        text = tfx_printf("%s%s%s%s%s%s", crash ? crash : "the process ended before its time", during, what,
                          errors && !crash ? " (" : "", errors && !crash ? errors : "", errors && !crash ? ")" : "");
    free(crash);
    free(errors);
    return text;
}

tfx_status tfx_child_run(const char *program, const tfx_child_order *order, double seconds, tfx_child_result *r,
                         tfx_error *err)
{
    int ends[2];
    child c = {.crash = open_memory("crash"), .output = open_memory("output"), .errors = open_memory("errors")};
    *r = (tfx_child_result){0};
    if (c.crash < 0 || c.output < 0 || c.errors < 0 || pipe2(ends, O_CLOEXEC))
        return tfx_fail(err, TFX_E_IO, "cannot start a process: %s", strerror(errno));
    c.result = ends[0];
    start(&c, program, order, ends[1]);
    close(ends[1]);
    if (c.pid < 0) {
        tfx_fail(err, TFX_E_IO, "cannot start a process: %s", strerror(errno));
    } else {
        tfx_text said = {0};
        char *doing = NULL;
        int status = 0, listened = listen_to(&c, seconds, &said);
        int in_time = wait_for(&c, listened ? 5 : 0, &status) && listened;
        int ended = take_apart(said.s, r, &doing);
        if (in_time && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_STARTED)
            tfx_fail(err, TFX_E_IO, "cannot start %s: was it moved or removed?", program);
        else if (!ended || !in_time || WIFSIGNALED(status))
            r->failure = describe_end(&c, status, in_time, seconds, doing);
        r->printed = read_text(c.output, 0);
        if (!r->printed && !r->failure)
            r->printed = read_text(c.errors, 1);
        free(doing);
        tfx_text_free(&said);
    }
    close(c.result);
    close(c.crash);
    close(c.output);
    close(c.errors);
    return err->status;
}

void tfx_child_result_finish(tfx_child_result *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->said[i].status);
        free(r->said[i].message);
    }
    free(r->said);
    free(r->failure);
    free(r->printed);
    *r = (tfx_child_result){0};
}
