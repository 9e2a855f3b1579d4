/* Crash: what a process says when a signal ends it while a plugin is being called.
 *
 * Nothing that a crash leaves behind can be trusted, so the handler only writes which call of which plugin
 * it was, and lets the signal take its course: the exit status stays what it would have been. */
#ifndef TFX_PLUGIN_CRASH_H
#define TFX_PLUGIN_CRASH_H

#include "framework/plugin/registry.h"

/* Installs the handler; called once, from the main thread. */
void tfx_crash_install(void);

/* What is said to standard error goes to `fd` as well, without "tfx: ": for a parent that records it. */
void tfx_crash_record(int fd);

/* The registry whose plugins may be called from now on; NULL: none. For their files' names. */
void tfx_crash_registry(const tfx_registry *r);

#endif
