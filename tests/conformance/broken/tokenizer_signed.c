/* Caught by: tokens. Bytes above 127 are negative. */
#define TOKENIZER_NAME "tokenizer_signed"
#define BYTE(c) (signed char)(c)
#include "tests/conformance/one_tokenizer.h"
