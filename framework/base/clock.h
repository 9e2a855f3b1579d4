/* Clock: seconds for measuring how long something took. */
#ifndef TFX_BASE_CLOCK_H
#define TFX_BASE_CLOCK_H

double tfx_now(void); /* monotonic seconds since some moment in the past */

#endif
