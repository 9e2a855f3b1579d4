/* Growth, applied: values of the old model become those of the grown one by a map (growth_map.h). */
#ifndef TFX_MODEL_GROWTH_APPLY_H
#define TFX_MODEL_GROWTH_APPLY_H

#include "framework/base/text.h"
#include "framework/graph/state.h"
#include "framework/model/growth_map.h"

/* The values of parameter i of the grown model, t of its layout: data [t->elements]. old[k] has the values of
 * source k; what has no source is filled, from `seed`. */
void tfx_growth_values(const tfx_growth_map *m, uint32_t i, const tfx_state_tensor *t, const float *const *old,
                       uint64_t seed, float *data);

/* Adds noise to what has a source: N(0, (noise * rms)^2) with the rms of the first source, or noise_old where the
 * parameter is an old one and the element in its old place. Drawn from `seed` and the path. */
void tfx_growth_noise(const tfx_growth_map *m, uint32_t i, const float *const *old, double noise, double noise_old,
                      uint64_t seed, float *data);

/* Which of the n slices along an axis of an old parameter are in their old places: places [n] get 1 or 0. */
void tfx_growth_places(const tfx_growth_map *m, uint32_t i, int axis, uint64_t n, float *places);

/* The same for a state of the optimizer that has the shape of parameter i and goes with the power-th power of its
 * gradient; what has no source is 0. Where several sources meet, it is their mean by weight. */
void tfx_growth_moments(const tfx_growth_map *m, uint32_t i, uint64_t elements, const float *const *old, int power,
                        float *data);

/* And for one that has an element per slice along the parameter's growable axis (-1: one in all), data [n], of which
 * sources have n_old[k]. A new slice gets 0, or with `repeat_last` the value of the last slice of the first source. */
void tfx_growth_slices(const tfx_growth_map *m, uint32_t i, int axis, uint64_t n, const float *const *old,
                       const uint64_t *n_old, int repeat_last, float *data);

/* Appends what became of parameter i to the inside of a JSON array, unless it is the old one: path, old shape (null:
 * new), new shape, sources where they are not the parameter of that path, and as "rule" what was found: "zero" or
 * "nonzero" in what has no source; where all has one, "rewritten", "copied" (from another) or "combined" (several). */
void tfx_growth_describe(const tfx_growth_map *m, uint32_t i, const float *const *old, const float *data,
                         tfx_text *json);

#endif
