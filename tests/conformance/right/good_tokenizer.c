/* Keeps all promises; broken ones are made of it. */
#define TOKENIZER_NAME "good_tokenizer"
#include "tests/conformance/one_tokenizer.h"
