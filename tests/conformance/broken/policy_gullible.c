/* Caught by: state. It takes any text for its own. */
#define TFX_NEEDS_MINOR 1
#define POLICY_NAME "policy_gullible"
#define BAD_TEXT(text, end) 0
#include "tests/conformance/one_policy.h"
