/* Channel: what a process that executes a run says to the command that started it: lines for people, on its standard
 * error, and how far it has come. */
#ifndef TFX_TRAIN_CHANNEL_H
#define TFX_TRAIN_CHANNEL_H

#include <poll.h>

#include "framework/base/error.h"
#include "framework/base/text.h"
#include "framework/train/display.h"

typedef struct tfx_channel {
    int text, progress;                           /* to read from; -1: closed */
    int child_text, child_progress;               /* for the process to write to */
    tfx_text line;                                /* without its end yet */
    unsigned char half[sizeof(tfx_run_progress)]; /* a record of which n_half bytes have come */
    size_t n_half;
} tfx_channel;

/* Both ends; a message when the system has no more files. */
tfx_status tfx_channel_open(tfx_channel *c, tfx_error *err);
/* In the child, before it becomes the program: its standard error, and child_progress, stay open. Calls that are safe
 * after fork alone. */
void tfx_channel_use_in_child(const tfx_channel *c);
/* In the parent, when the child has been started. */
void tfx_channel_close_childs(tfx_channel *c);
void tfx_channel_close(tfx_channel *c);

/* What to wait for: fills two. */
void tfx_channel_poll(const tfx_channel *c, struct pollfd *fds);
/* Shows what has come as that run's. After the process has ended also a line without its end. */
void tfx_channel_hear(tfx_channel *c, tfx_display *d, size_t run, int ended);

#endif
