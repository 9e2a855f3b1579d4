/* Option text: one number, truth value or path, as a spec writes it. Internal to framework/plugin. */
#ifndef TFX_PLUGIN_OPTION_TEXT_H
#define TFX_PLUGIN_OPTION_TEXT_H

#include <stdint.h>

#include "framework/base/text.h"

/* Each returns 0, or -1 when the text does not have the form. */
int tfx_option_read_int(const char *s, int64_t *out);
int tfx_option_read_real(const char *s, double *out);
int tfx_option_read_bool(const char *s, int64_t *out);

/* The shortest decimal that reads back to the same bits; appended to t. */
void tfx_option_add_real(tfx_text *t, double x);

/* Joins the folder of `file` (NULL: the working directory) and a relative path. */
char *tfx_option_absolute_path(const char *value, const char *file);

#endif
