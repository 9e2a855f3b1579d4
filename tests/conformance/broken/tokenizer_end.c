/* Caught by: tokens. Text ends a document. */
#define TOKENIZER_NAME "tokenizer_end"
#define PAIR 257
#include "tests/conformance/one_tokenizer.h"
