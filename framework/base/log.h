/* Log: lines for people, on standard error and, with the time, in a file. A process that executes a run
 * names it in every line; there is one log per process, and any thread may write to it. */
#ifndef TFX_BASE_LOG_H
#define TFX_BASE_LOG_H

/* The name, "tokenformer seed 1", from now on. What is said before a file is opened is kept for it. */
void tfx_log_name(const char *name);
const char *tfx_log_named(void); /* "" when there is none; also in a signal's handler */

/* Adds lines to this file, behind what it has. That one cannot be written, as on a full disk, is said once and stops
 * nothing. */
void tfx_log_open(const char *path);
void tfx_log_close(void); /* the file and the name */

/* "tfx: NAME: text": the program speaks, or a plugin. */
void tfx_log_message(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "NAME  text": something happened in the run. */
void tfx_log_event(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* In the file alone. */
void tfx_log_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
