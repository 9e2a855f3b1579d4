/* Section values: a resolved section checked against its declaration, together with the
 * plugin that it chooses. */
#ifndef TFX_SPEC_SECTION_VALUES_H
#define TFX_SPEC_SECTION_VALUES_H

#include "framework/spec/experiment.h"
#include "framework/spec/ini.h"

/* Resolves the settings of `s` by the declaration of its kind into *host and, for kinds
 * that choose a plugin, *use (else NULL). Keys that an arm overrides are shown as in
 * `arm` (may be NULL), where they start with "train.". On error both are left empty. */
tfx_status tfx_section_values(const tfx_registry *registry, const tfx_ini_section *s, const tfx_ini_section *arm,
                              tfx_options **host, tfx_plugin_use *use, tfx_error *err);

/* The same by a declaration of the caller's, in which `plugin_key` (NULL: none) chooses a plugin of that kind, `def`
 * where it is not set. All must live as long as *host and *use. */
tfx_status tfx_section_declared(const tfx_registry *registry, const tfx_ini_section *s, const tfx_option *decl,
                                size_t n_decl, const char *plugin_key, const char *plugin_kind, const char *def,
                                tfx_options **host, tfx_plugin_use *use, tfx_error *err);

/* Fails at the place of the first of `keys` (ends with NULL) that the spec sets, or at the
 * section when all are defaults. The message starts with a key; when `arm` (may be NULL) overrides
 * that first one, as of the arm. */
tfx_status tfx_fail_keys(tfx_error *err, const tfx_options *o, const tfx_ini_section *s, const tfx_ini_section *arm,
                         const char *const *keys, const char *fmt, ...) TFX_PRINTF(6, 7);
#define TFX_KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* [train] with the overrides of an arm. `train` may be NULL. On error *out is left empty. */
tfx_status tfx_train_values(const tfx_registry *registry, const tfx_ini_section *train, const tfx_ini_section *arm,
                            tfx_train_config *out, tfx_error *err);
void tfx_train_finish(tfx_train_config *t);

#endif
