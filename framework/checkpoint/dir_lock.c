#include "framework/checkpoint/dir_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

int tfx_dir_lock(const char *path, int wait)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -1;
    while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) != 0) {
        int cause = errno;
        if (cause == EINTR)
            continue;
        close(fd);
        errno = cause;
        return -1;
    }
    return fd;
}
