/* Content hashes: what the store records to tell one plugin or checkpoint file from another. */
#ifndef TFX_BASE_HASH_H
#define TFX_BASE_HASH_H

#include "framework/base/error.h"

/* XXH3-128 of a file's bytes as 32 lower-case hex digits, most significant first (what
 * `xxh128sum` prints). */
tfx_status tfx_file_hash(const char *path, char hash[33], tfx_error *err);

#endif
