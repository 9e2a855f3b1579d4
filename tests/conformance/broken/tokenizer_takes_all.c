/* Caught by: text. It decodes what is no token. */
#define TOKENIZER_NAME "tokenizer_takes_all"
#define REFUSES(token) 0
#include "tests/conformance/one_tokenizer.h"
