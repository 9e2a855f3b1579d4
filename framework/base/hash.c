/* Hashing through libxxhash; of files in pieces, so that a checkpoint of many gigabytes needs no
 * memory of its size. */
#include "framework/base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/memory.h"

/* Stays in a processor's cache between its reading and its hashing. */
enum { PIECE = 1 << 16 };

static void write_digits(XXH128_hash_t h, char hash[33])
{
    snprintf(hash, 33, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
}

void tfx_bytes_hash(const void *data, size_t n, char hash[33])
{
    write_digits(XXH3_128bits(data, n), hash);
}

void tfx_hash_digits(const XXH3_state_t *state, char hash[33])
{
    write_digits(XXH3_128bits_digest(state), hash);
}

tfx_status tfx_file_hash(const char *path, char hash[33], tfx_error *err)
{
    tfx_status status = TFX_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer must not hang us */
    if (fd < 0)
        return tfx_fail(err, TFX_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
    unsigned char *piece = tfx_alloc(PIECE);
    XXH3_state_t *state = XXH3_createState();
    if (!state || XXH3_128bits_reset(state) != XXH_OK)
        status = tfx_fail(err, TFX_E_MEMORY, "%s: no memory to hash the file", path);
    for (ssize_t n = 1; n != 0 && status == TFX_OK;) {
        n = read(fd, piece, PIECE);
        if (n > 0)
            XXH3_128bits_update(state, piece, (size_t)n);
        else if (n < 0 && errno != EINTR)
            status = tfx_fail(err, TFX_E_IO, "%s: cannot be read: %s", path, strerror(errno));
    }
    if (status == TFX_OK)
        tfx_hash_digits(state, hash);
    XXH3_freeState(state);
    free(piece);
    close(fd);
    return status;
}
