/* Symbols: what a plugin exports and what it takes from outside, read from its file without running any of it. */
#ifndef TFX_CONFORMANCE_SYMBOLS_H
#define TFX_CONFORMANCE_SYMBOLS_H

#include "framework/base/error.h"

/* An error that says what is wrong: the file is no plugin, exports more than tfx_plugin_entry, needs a symbol that the host
 * has, or asks for an executable stack. *n_needed: symbols that it takes from libraries. */
tfx_status tfx_symbols_check(const char *path, unsigned *n_needed, tfx_error *err);

#endif
