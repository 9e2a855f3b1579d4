/* Gains for people and programs (framework/analysis/gain.h). */
#ifndef TFX_REPORT_GAIN_TEXT_H
#define TFX_REPORT_GAIN_TEXT_H

#include <stdio.h>

#include "framework/analysis/gain.h"

void tfx_report_gain(const tfx_gain *p, int json, FILE *out);

#endif
