/* Caught by: decisions. It grows by the time of day. */
#define TFX_NEEDS_MINOR 1
#include <time.h>
#define POLICY_NAME "policy_clock"
#define LIMIT(s) ((s)->patience + time(NULL) / 3600 % 5)
#include "tests/conformance/one_policy.h"
