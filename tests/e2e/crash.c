/* A library to preload into tfx: it ends the process, or sends it a signal, right before a chosen
 * change to the disk. Power cuts and kills cannot be timed well enough to hit the moments that matter,
 * such as between a checkpoint's rename and its row in the database; counting the calls that change
 * something on disk visits every one of them.
 *
 *   CRASH_AT=N       before the N-th such call, counted from 1 in each process
 *   CRASH_SIGNAL=S   what to send; default SIGKILL
 *   CRASH_IN=worker  or "parent": which of tfx's processes; the other one is left alone
 *   CRASH_DEAF=1     no signal wakes the process while it polls, as when another thread takes it
 *   CRASH_PARENT=1   the process in which this happens begins by killing its parent, and sees it end
 *   CRASH_LOG=F      appends to file F a line for each such call: its number, its name, its target */
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static long at, calls;
static int signal_number = SIGKILL, here, log_fd = -1;

static int is_worker(void)
{
    char line[8192] = "";
    int fd = open("/proc/self/cmdline", O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);
    if (fd >= 0)
        close(fd);
    for (char *word = line; word < line + n; word += strlen(word) + 1)
        if (!strcmp(word, "--worker"))
            return 1;
    return 0;
}

__attribute__((constructor)) static void begin(void)
{
    const char *n = getenv("CRASH_AT"), *s = getenv("CRASH_SIGNAL"), *which = getenv("CRASH_IN");
    const char *path = getenv("CRASH_LOG");
    at = n ? atol(n) : 0;
    signal_number = s ? atoi(s) : SIGKILL;
    here = which && !strcmp(which, is_worker() ? "worker" : "parent");
    if (here && getenv("CRASH_PARENT")) {
        pid_t parent = getppid();
        kill(parent, SIGKILL);
        while (getppid() == parent)
            usleep(1000);
    }
    if (here && path)
        log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

static void count(const char *name, const char *target)
{
    if (!here)
        return;
    calls++;
    if (log_fd >= 0)
        dprintf(log_fd, "%ld %s %s\n", calls, name, target);
    if (calls == at)
        kill(getpid(), signal_number);
}

/* The function of this name that this one stands before. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
    return NEXT(ppoll)(fds, n, timeout, getenv("CRASH_DEAF") ? NULL : mask);
}

EXPORT int fsync(int fd)
{
    count("fsync", "-");
    return NEXT(fsync)(fd);
}

EXPORT int fdatasync(int fd)
{
    count("fdatasync", "-");
    return NEXT(fdatasync)(fd);
}

EXPORT int rename(const char *from, const char *to)
{
    count("rename", to);
    return NEXT(rename)(from, to);
}

EXPORT int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned int flags)
{
    count("renameat2", to);
    return NEXT(renameat2)(from_dir, from, to_dir, to, flags);
}

EXPORT int unlink(const char *path)
{
    count("unlink", path);
    return NEXT(unlink)(path);
}

EXPORT int rmdir(const char *path)
{
    count("rmdir", path);
    return NEXT(rmdir)(path);
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    count("mkdir", path);
    return NEXT(mkdir)(path, mode);
}
