/* Gain: what an arm that grows gains, taken apart by its twins. All four spend the same FLOPs, so that differences of loss
 * add up:
 *
 *   grown - no_growth  =  (grown - random_base) + (random_base - scratch) + (scratch - no_growth)
 *                          inheritance             start                    architecture */
#ifndef TFX_ANALYSIS_GAIN_H
#define TFX_ANALYSIS_GAIN_H

#include "framework/analysis/compare.h"

typedef enum tfx_gain_part {
    TFX_GAIN_INHERITANCE = 0,
    TFX_GAIN_START,
    TFX_GAIN_ARCHITECTURE,
    TFX_GAIN_SUM,
    TFX_GAIN_PARTS
} tfx_gain_part;

extern const char *const tfx_gain_names[TFX_GAIN_PARTS];
extern const char *const tfx_gain_meanings[TFX_GAIN_PARTS]; /* for people */

typedef struct tfx_gain {
    char *arms[4]; /* grown, random_base, scratch, no_growth */
    tfx_endpoints ends;
    tfx_comparison parts[TFX_GAIN_PARTS]; /* each of one arm with one; the difference of its only contrast counts */
    tfx_text notes;                       /* a line for each seed that one of the four does not have, and for unequal
                                             costs; those of the parts are the same */
} tfx_gain;

/* Of an arm of an experiment that has all three twins, by the seeds with which all four have decayed ends. On error, too, tfx_gain_finish. */
tfx_status tfx_gain_make(tfx_gain *p, tfx_store *s, tfx_id experiment, const char *arm, tfx_error *err);
void tfx_gain_finish(tfx_gain *p);

#endif
