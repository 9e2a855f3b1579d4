/* Caught by: state. It counts how often it was asked, and does not save that. */
#define TFX_NEEDS_MINOR 1
#define POLICY_NAME "policy_asked"
#define MEMBERS int64_t n_asked;
#define LIMIT(s) ((s)->n_asked++ < 60 ? 1000 : (s)->patience)
#include "tests/conformance/one_policy.h"
