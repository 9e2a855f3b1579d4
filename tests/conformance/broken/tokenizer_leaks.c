/* Caught by: leaks. It does not free itself. */
#define TOKENIZER_NAME "tokenizer_leaks"
#define CLOSE(t) (void)(t)
#include "tests/conformance/one_tokenizer.h"
