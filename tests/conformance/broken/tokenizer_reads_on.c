/* Caught by: tokens. It looks behind the text. */
#define TOKENIZER_NAME "tokenizer_reads_on"
#define IS_PAIR(text, i, n) ((text)[i] == 'a' && (text)[(i) + 1] == 'b')
#include "tests/conformance/one_tokenizer.h"
