#include "framework/train/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A line that is longer is shown in pieces. */
#define LONGEST_LINE 65536

tfx_status tfx_channel_open(tfx_channel *c, tfx_error *err)
{
    int text[2] = {-1, -1}, progress[2] = {-1, -1};
    int failed = pipe2(text, O_CLOEXEC) || pipe2(progress, O_CLOEXEC | O_NONBLOCK) ||
                 fcntl(text[0], F_SETFL, O_NONBLOCK); /* the process waits until its lines are read */
    *c = (tfx_channel){.text = text[0], .progress = progress[0], .child_text = text[1], .child_progress = progress[1]};
    if (failed) {
        tfx_fail(err, TFX_E_IO, "cannot make a pipe to a process: %s", strerror(errno));
        tfx_channel_close(c);
    }
    return err->status;
}

void tfx_channel_use_in_child(const tfx_channel *c)
{
    dup2(c->child_text, STDERR_FILENO);
    fcntl(c->child_progress, F_SETFD, 0);
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void tfx_channel_close_childs(tfx_channel *c)
{
    close_one(&c->child_text);
    close_one(&c->child_progress);
}

void tfx_channel_close(tfx_channel *c)
{
    tfx_channel_close_childs(c);
    close_one(&c->text);
    close_one(&c->progress);
    tfx_text_free(&c->line);
}

void tfx_channel_poll(const tfx_channel *c, struct pollfd *fds)
{
    fds[0] = (struct pollfd){.fd = c->text, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = c->progress, .events = POLLIN};
}

/* Returns 0 when nothing more is there now. One whose other end is closed would never let poll wait. */
static size_t read_some(int *fd, void *buf, size_t size)
{
    ssize_t n = *fd >= 0 ? read(*fd, buf, size) : -1;
    if (n == 0)
        close_one(fd);
    return n > 0 ? (size_t)n : 0;
}

static void hear_progress(tfx_channel *c, tfx_display *d, size_t run)
{
    size_t n;
    while ((n = read_some(&c->progress, c->half + c->n_half, sizeof(c->half) - c->n_half)) > 0) {
        c->n_half += n;
        if (c->n_half < sizeof(c->half))
            continue;
        tfx_run_progress at;
        memcpy(&at, c->half, sizeof(at));
        tfx_display_update(d, run, &at);
        c->n_half = 0;
    }
}

static void hear_text(tfx_channel *c, tfx_display *d, int ended)
{
    char buf[4096];
    size_t n;
    while ((n = read_some(&c->text, buf, sizeof(buf))) > 0) {
        for (size_t i = 0; i < n; i++)
            if (!buf[i])
                buf[i] = ' '; /* text has no zeros, but whatever a plugin prints comes here */
        tfx_text_add(&c->line, "%.*s", (int)n, buf);
    }
    if ((ended || c->line.n > LONGEST_LINE) && c->line.n && c->line.s[c->line.n - 1] != '\n')
        tfx_text_add(&c->line, "\n");
    const char *last = c->line.n ? memrchr(c->line.s, '\n', c->line.n) : NULL;
    size_t whole = last ? (size_t)(last - c->line.s) + 1 : 0;
    if (!whole)
        return;
    tfx_display_print(d, c->line.s, whole);
    memmove(c->line.s, c->line.s + whole, c->line.n - whole + 1);
    c->line.n -= whole;
}

void tfx_channel_hear(tfx_channel *c, tfx_display *d, size_t run, int ended)
{
    hear_progress(c, d, run);
    hear_text(c, d, ended);
}
