#include "framework/train/slices.h"

#include <assert.h>
#include <math.h>

#include "framework/base/memory.h"

/* The vector that says which slices along an axis of a parameter are in their old places; the caller frees it. */
static float *read_places(tfx_engine *e, const tfx_stage_plan *s, uint32_t param, uint32_t axis, uint64_t *n)
{
    tfx_state_io io = tfx_engine_io(e);
    for (uint32_t i = param + 1; i < s->state.n; i++) {
        const tfx_state_tensor *t = &s->state.tensors[i];
        if (!t->in_place || t->owner != param || t->grow_axis != (int)axis)
            continue;
        float *places = TFX_NEW_ARRAY(float, t->elements);
        io.read(io.ctx, t, 0, places, t->bytes);
        *n = t->elements;
        return places;
    }
    assert(!"slices that are measured have places");
    return NULL;
}

/* Elements all of whose slices are in their old places. */
static uint64_t count_old(tfx_engine *e, const tfx_stage_plan *s, uint32_t param)
{
    uint64_t old = 1, n, n_dims = s->state.tensors[param].n_dims;
    for (uint32_t axis = 0; axis < (n_dims ? n_dims : 1); axis++) {
        float *places = read_places(e, s, param, axis, &n);
        uint64_t here = 0;
        for (uint64_t i = 0; i < n; i++)
            here += places[i] != 0;
        old *= here;
        free(places);
    }
    return old;
}

/* Adds the slots of one site to the parts of its parameter. */
static void add_site(tfx_engine *e, const tfx_stage_plan *s, const tfx_slice_site *site, double energy[2],
                     tfx_slice_part parts[2])
{
    const float *of = tfx_engine_slice_energies(e) + site->first;
    uint64_t n;
    double mean = 0;
    float *places = read_places(e, s, site->at.param, site->at.axis, &n);
    assert(n == site->n);
    for (uint64_t i = 0; i < n; i++)
        mean += (double)of[i] / (double)n;
    for (uint64_t i = 0; i < n; i++) {
        int part = places[i] == 0;
        energy[part] += (double)of[i];
        parts[part].slots++;
        parts[part].dead_slots += (double)of[i] <= TFX_DEAD_SLOT * mean;
    }
    free(places);
}

tfx_slice_part *tfx_slice_parts(tfx_engine *e, const tfx_stage_plan *s, uint32_t *n)
{
    tfx_slice_part *all = TFX_NEW_ARRAY(tfx_slice_part, 2 * s->n_trained);
    *n = 0;
    for (uint32_t i = 0; i < s->n_trained; i++) {
        const float *sums = tfx_engine_slice_sums(e) + i * TFX_SLICE_SUMS;
        uint32_t param = s->trained[i];
        uint64_t old = count_old(e, s, param), elements[2] = {old, s->state.tensors[param].elements - old};
        tfx_slice_part parts[2] = {{0}};
        double energy[2] = {0};
        for (uint32_t k = 0; k < s->slice_sites.n; k++)
            if (s->slice_sites.items[k].at.param == param)
                add_site(e, s, &s->slice_sites.items[k], energy, parts);
        for (int k = 0; k < 2; k++) {
            tfx_slice_part *p = &parts[k];
            p->param = param;
            p->is_new = k;
            p->elements = elements[k];
            p->gradient_norm = sqrt((double)sums[TFX_SLICE_GRADIENT + k]) / TFX_SLICE_SCALE;
            p->update_norm = sqrt((double)sums[TFX_SLICE_UPDATE + k]) / TFX_SLICE_SCALE;
            p->weight_norm = sqrt((double)sums[TFX_SLICE_WEIGHT + k]) / TFX_SLICE_SCALE;
            p->energy_share = energy[k] / (energy[0] + energy[1]);
            if (p->elements)
                all[(*n)++] = *p;
        }
    }
    return all;
}
