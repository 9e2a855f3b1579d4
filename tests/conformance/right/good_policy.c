/* Keeps all promises; broken ones are made of it. */
#define TFX_NEEDS_MINOR 1
#define POLICY_NAME "good_policy"
#include "tests/conformance/one_policy.h"
