#include "framework/train/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "framework/base/memory.h"

#define EXIT_NOT_STARTED 127

/* A run does not outlive the command that started it. The system is told to end the child with its parent
 * before the child becomes a program; a parent that was killed even earlier is not its parent any more. */
static pid_t start(char **argv, const tfx_process *p)
{
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (p->crash >= 0)
        fcntl(p->crash, F_SETFD, 0); /* this child's own file stays open in it */
    tfx_channel_use_in_child(&p->channel);
    if (getppid() == parent)
        execv(argv[0], argv);
    _exit(EXIT_NOT_STARTED);
}

tfx_status tfx_process_start(tfx_process *p, const char *const *command, tfx_id run, tfx_error *err)
{
    size_t n = 0;
    while (command[n])
        n++;
    *p = (tfx_process){.run = run, .crash = memfd_create("crash", MFD_CLOEXEC)}; /* without it a crash is told, too */
    if (tfx_channel_open(&p->channel, err) != TFX_OK) {
        tfx_process_finish(p);
        return err->status;
    }
    char **argv = TFX_NEW_ARRAY(char *, n + 1), id[32], crash[32], progress[32];
    snprintf(id, sizeof(id), "%lld", (long long)run);
    snprintf(crash, sizeof(crash), "%d", p->crash);
    snprintf(progress, sizeof(progress), "%d", p->channel.child_progress);
    for (size_t i = 0; i < n; i++)
        argv[i] = !strcmp(command[i], "{run}")        ? id
                  : !strcmp(command[i], "{crash}")    ? crash
                  : !strcmp(command[i], "{progress}") ? progress
                                                      : (char *)command[i];
    p->pid = start(argv, p);
    tfx_channel_close_childs(&p->channel);
    if (p->pid < 0) {
        tfx_fail(err, TFX_E_IO, "cannot start a process for run %s: %s", id, strerror(errno));
        tfx_process_finish(p);
    }
    free(argv);
    return err->status;
}

int tfx_process_ended(tfx_process *p, const char *program, int *status, tfx_error *err)
{
    pid_t ended = waitpid(p->pid, status, WNOHANG);
    if (ended == 0)
        return 0;
    if (ended < 0)
        tfx_fail(err, TFX_E_IO, "waiting for run %lld: %s", (long long)p->run, strerror(errno));
    else if (WIFEXITED(*status) && WEXITSTATUS(*status) == EXIT_NOT_STARTED)
        tfx_fail(err, TFX_E_IO, "cannot start %s for run %lld: was it moved or removed?", program, (long long)p->run);
    return 1;
}

char *tfx_process_last_words(const tfx_process *p, int status)
{
    char said[1024];
    ssize_t n = p->crash >= 0 ? pread(p->crash, said, sizeof(said) - 1, 0) : 0;
    said[n > 0 ? n : 0] = '\0';
    said[strcspn(said, "\n")] = '\0';
    return tfx_printf("killed by signal %d (%s)%s%s", WTERMSIG(status), strsignal(WTERMSIG(status)), *said ? ": " : "",
                      said);
}

void tfx_process_finish(tfx_process *p)
{
    if (p->crash >= 0)
        close(p->crash);
    tfx_channel_close(&p->channel);
    *p = (tfx_process){.crash = -1};
}
