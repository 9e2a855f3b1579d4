/* Token files, read whole: for evaluating given tokens (training data goes through loader
 * plugins). */
#ifndef TFX_TRAIN_TOKEN_FILE_H
#define TFX_TRAIN_TOKEN_FILE_H

#include <stdint.h>

#include "framework/base/error.h"

/* Reads nanoGPT's raw uint16, or llm.c's format by its header. *tokens is malloced. Every
 * token must be below vocab; messages name file, position, expected and found. */
tfx_status tfx_token_file_read(const char *path, int64_t vocab, int32_t **tokens, uint64_t *n, tfx_error *err);

#endif
