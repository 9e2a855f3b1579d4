#include "framework/train/token_file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* llm.c: 256 int32: magic, version, number of tokens. */
#define LLMC_HEADER 1024u
#define LLMC_U16 20240520
#define LLMC_U32 20240801

tfx_status tfx_token_file_read(const char *path, int64_t vocab, int32_t **tokens, uint64_t *n, tfx_error *err)
{
    struct stat st;
    int32_t header[3] = {0};
    uint64_t offset = 0, width = 2;
    unsigned char *raw = NULL;
    *tokens = NULL;
    *n = 0;
    FILE *f = fopen(path, "rb");
    if (!f || fstat(fileno(f), &st) || !S_ISREG(st.st_mode)) {
        tfx_fail(err, TFX_E_INVALID, "%s: %s", path, f ? "not a file" : strerror(errno));
        goto done;
    }
    uint64_t size = (uint64_t)st.st_size;
    if (size >= LLMC_HEADER && fread(header, sizeof(header), 1, f) == 1 &&
        (header[0] == LLMC_U16 || header[0] == LLMC_U32)) {
        offset = LLMC_HEADER;
        width = header[0] == LLMC_U32 ? 4 : 2;
        if (header[2] < 0 || size - offset != (uint64_t)header[2] * width) {
            tfx_fail(err, TFX_E_DATA,
                     "%s: the header says %d tokens of %d bytes, the file holds %" PRIu64 " bytes of them", path,
                     header[2], (int)width, size - offset);
            goto done;
        }
    }
    if (size == offset || (size - offset) % width) {
        tfx_fail(err, TFX_E_DATA, "%s: expected a whole number of %d-byte tokens, found %" PRIu64 " bytes", path,
                 (int)width, size - offset);
        goto done;
    }
    *n = (size - offset) / width;
    raw = malloc(size - offset);
    *tokens = malloc(*n * sizeof(**tokens));
    if (!raw || !*tokens) {
        tfx_fail(err, TFX_E_MEMORY, "%s: out of memory", path);
        goto done;
    }
    if (fseeko(f, (off_t)offset, SEEK_SET) || fread(raw, 1, size - offset, f) != size - offset) {
        tfx_fail(err, TFX_E_IO, "%s: cannot be read", path);
        goto done;
    }
    for (uint64_t i = 0; i < *n; i++) {
        const unsigned char *b = raw + i * width;
        uint32_t token = (uint32_t)b[0] | (uint32_t)b[1] << 8;
        if (width == 4)
            token |= (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
        if ((int64_t)token >= vocab) {
            tfx_fail(err, TFX_E_DATA, "%s: token %" PRIu64 " is %u, expected below the vocabulary's %" PRId64, path, i,
                     token, vocab);
            goto done;
        }
        (*tokens)[i] = (int32_t)token;
    }
done:
    if (f)
        fclose(f);
    free(raw);
    if (err->status != TFX_OK) {
        free(*tokens);
        *tokens = NULL;
    }
    return err->status;
}
