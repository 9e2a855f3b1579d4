/* Made up: values for options that have no default, so that a class can be tried without a spec. */
#ifndef TFX_CONFORMANCE_MADE_UP_H
#define TFX_CONFORMANCE_MADE_UP_H

#include "framework/conformance/rule.h"

/* What a made-up data file holds: tokens as little-endian 16-bit numbers below 256, so that its bytes are text of a kind,
 * too. */
enum { TFX_MADE_UP_TOKENS = 6000 };

/* Fills s->settings: what the user set, and for every other option without a default a value that its declaration allows. Of a
 * layer, the same for what is in its sockets, with `linear` where a socket has no default. */
void tfx_make_up_settings(tfx_subject *s);

/* Adds or replaces one. */
void tfx_subject_set(tfx_subject *s, const char *key, const char *value);
void tfx_subject_finish(tfx_subject *s);
/* Makes up a value for the option that a refusal blames, where it has none but its default. 0: nothing more can be
 * done. */
int tfx_make_up_blamed(tfx_subject *s, const tfx_options *o, const char *message);

/* The options of the class from s->settings; NULL with a message. */
tfx_options *tfx_subject_options(const tfx_subject *s, tfx_error *err);
/* The same with one of them changed. */
tfx_options *tfx_subject_options_with(const tfx_subject *s, const char *key, const char *value, tfx_error *err);

/* Writes a data file with so many tokens; a rule that needs one of its own. */
tfx_status tfx_write_tokens(const char *path, int64_t n, tfx_error *err);

#endif
