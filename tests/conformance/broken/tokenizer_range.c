/* Caught by: tokens. One token too many. */
#define TOKENIZER_NAME "tokenizer_range"
#define VOCAB 256
#define END -1
#include "tests/conformance/one_tokenizer.h"
