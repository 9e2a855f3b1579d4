/* Caught by: threads. Several calls at the same time spoil each other. */
#include <time.h>

#define TOKENIZER_NAME "tokenizer_shares"
#define BEFORE_ENCODE(t) \
    const struct timespec some = {0, 100000}; \
    int alone = !n_inside++; \
    nanosleep(&some, NULL); \
    n_inside--; \
    if (!alone) \
        return TFX_OK;
static volatile int n_inside;
#include "tests/conformance/one_tokenizer.h"
