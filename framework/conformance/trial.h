/* Trial: a small life of a class, from its options to its end: what several rules want of every kind. */
#ifndef TFX_CONFORMANCE_TRIAL_H
#define TFX_CONFORMANCE_TRIAL_H

#include "framework/conformance/made_up.h"

/* Whatever was made is destroyed again, also after an error. A backend that the trial needs is opened once and stays. */
tfx_status tfx_trial(const tfx_subject *s, const char *key, const char *value, tfx_error *err);

/* Whether lives that end well leave something behind, which is the business of one rule alone. */
int tfx_trial_leaks(const tfx_subject *s);

/* The same for one kind, with options of that class. A layer's options are made again, with those of what is in its
 * sockets. */
tfx_status tfx_trial_layer(const tfx_subject *s, const char *key, const char *value, tfx_error *err);
tfx_status tfx_trial_optimizer(const tfx_subject *s, const tfx_options *o, tfx_error *err);
tfx_status tfx_trial_loader(const tfx_subject *s, const tfx_options *o, tfx_error *err);
tfx_status tfx_trial_scaling(const tfx_subject *s, const tfx_options *o, tfx_error *err);
tfx_status tfx_trial_operator(const tfx_subject *s, const char *key, const char *value, tfx_error *err);
tfx_status tfx_trial_backend(const tfx_subject *s, const tfx_options *o, tfx_error *err);
tfx_status tfx_trial_tokenizer(const tfx_subject *s, const tfx_options *o, tfx_error *err);
tfx_status tfx_trial_op(const tfx_subject *s, tfx_error *err);

#endif
