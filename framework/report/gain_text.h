/* Gains for people and programs (framework/analysis/gain.h). */
#ifndef TFX_REPORT_GAIN_TEXT_H
#define TFX_REPORT_GAIN_TEXT_H

#include <stdio.h>

#include "framework/analysis/gain.h"

/* The mean over seeds of one part's difference, with its interval where there is one; returns `text`. */
#define TFX_GAIN_TEXT 80
const char *tfx_gain_difference(const tfx_gain *p, int part, char text[TFX_GAIN_TEXT]);

void tfx_report_gain(const tfx_gain *p, int json, FILE *out);

#endif
