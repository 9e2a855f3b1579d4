/* Overlay: how one layer of settings lies over another. */
#ifndef TFX_SPEC_OVERLAY_H
#define TFX_SPEC_OVERLAY_H

#include "framework/plugin/registry.h"
#include "framework/spec/ini.h"

/* Lays settings over a section. Where they put another plugin into a place, the section's own
 * settings below that place go: they belonged to the plugin that was there, be it named by a
 * setting or the default. A `steps` that is laid over `tokens` displaces it, and the other way
 * round. What an arm leaves unsaid is decided by the [train] of `ini`, which may be NULL for other
 * sections. */
void tfx_section_overlay(const tfx_registry *registry, const tfx_ini *ini, tfx_ini_section *base,
                         const tfx_setting *over, size_t n);

#endif
