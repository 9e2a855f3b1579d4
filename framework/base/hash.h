/* Content hashes: what the store records to tell one plugin or checkpoint file from another. */
#ifndef TFX_BASE_HASH_H
#define TFX_BASE_HASH_H

#include <stddef.h>
#include <xxhash.h>

#include "framework/base/error.h"

/* All are XXH3-128 as 32 lower-case hex digits, most significant first (what `xxh128sum` prints). */
void tfx_bytes_hash(const void *data, size_t n, char hash[33]);
void tfx_hash_digits(const XXH3_state_t *state, char hash[33]); /* of what went into `state` */
tfx_status tfx_file_hash(const char *path, char hash[33], tfx_error *err);

#endif
