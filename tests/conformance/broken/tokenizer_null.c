/* Caught by: leaks. Closing nothing crashes. */
#define TOKENIZER_NAME "tokenizer_null"
#define CLOSE(t) ((t)->busy = 1, free(t))
#include "tests/conformance/one_tokenizer.h"
