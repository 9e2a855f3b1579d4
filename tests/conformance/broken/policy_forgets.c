/* Caught by: state. What it saves lacks what it counts. */
#define TFX_NEEDS_MINOR 1
#define POLICY_NAME "policy_forgets"
#define SAVED(s) 0
#include "tests/conformance/one_policy.h"
