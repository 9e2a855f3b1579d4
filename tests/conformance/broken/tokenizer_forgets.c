/* Caught by: text. A pair comes back the other way around. */
#define TOKENIZER_NAME "tokenizer_forgets"
#define PAIR_TEXT "ba"
#include "tests/conformance/one_tokenizer.h"
