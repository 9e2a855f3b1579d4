/* Process: a child that executes one run: how it is started, and how it ended. */
#ifndef TFX_TRAIN_PROCESS_H
#define TFX_TRAIN_PROCESS_H

#include <sys/types.h>

#include "framework/store/store.h"
#include "framework/train/channel.h"

typedef struct tfx_process {
    pid_t pid; /* 0: there is none */
    tfx_id run;
    int crash; /* the file into which it writes what made it crash */
    tfx_channel channel;
} tfx_process;

/* Starts `command`, in which "{run}" stands for the run's id, and for file descriptors "{crash}", to which the process
 * writes what made it crash, and "{progress}", to which it writes how far it has come (a tfx_run_progress each time).
 * Its standard error goes to the channel. It has the signals blocked that the caller has, and does not outlive the caller. */
tfx_status tfx_process_start(tfx_process *p, const char *const *command, tfx_id run, tfx_error *err);

/* Whether it has ended, and how: *status as waitpid gives it. A program that could not be started is an error. */
int tfx_process_ended(tfx_process *p, const char *program, int *status, tfx_error *err);

/* What became of one that a signal ended: "killed by signal 11 (Segmentation fault): layer mlp (...) crashed in `build`".
 * A heap string. */
char *tfx_process_last_words(const tfx_process *p, int status);

/* After its end; it is zeroed. */
void tfx_process_finish(tfx_process *p);

#endif
