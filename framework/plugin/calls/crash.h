/* Crash: what a process says when a signal ends it while a plugin is being called.
 *
 * Nothing that a crash leaves behind can be trusted, so the handler only writes which call of which plugin
 * it was, and lets the signal take its course: the exit status stays what it would have been. */
#ifndef TFX_PLUGIN_CRASH_H
#define TFX_PLUGIN_CRASH_H

/* Installs the handler; called once, from the main thread. */
void tfx_crash_install(void);

/* What is said to standard error goes to `fd` as well, without "tfx: NAME: ": for a parent that records it. */
void tfx_crash_record(int fd);

/* What says in which file a class is, of all that may be called from now on; its result may be NULL.
 * `file_of` NULL: nothing is called any more. */
void tfx_crash_files(const char *(*file_of)(const void *registry, const void *impl), const void *registry);

#endif
