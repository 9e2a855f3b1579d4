#include "framework/cli/plugin_built.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/dtype.h"
#include "framework/base/memory.h"
#include "framework/cli/plugin_layer.h"
#include "framework/plugin/calls/optimizer_calls.h"
#include "framework/plugin/options.h"

/* ---- arguments ---- */

/* The option that was given first of those about sizes; NULL: none. */
static const char *size_given(const tfx_cli_args *a)
{
    static const char *const sizes[] = {"dim", "out-dim", "context", "vocab"};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        if (tfx_cli_value(a, sizes[i]))
            return sizes[i];
    return NULL;
}

int tfx_plugin_builds(const tfx_cli_args *a)
{
    size_t n;
    tfx_cli_values(a, "set", &n);
    return n || size_given(a);
}

static tfx_status parse_sizes(tfx_layer_sizes *s, const tfx_cli_args *a, tfx_error *err)
{
    enum { MOST = 1 << 20 };
    long long dim, out_dim, context, vocab;
    if (tfx_cli_int(a, "dim", 0, 1, MOST, &dim, err) || tfx_cli_int(a, "out-dim", dim, 1, MOST, &out_dim, err) ||
        tfx_cli_int(a, "context", 128, 1, MOST, &context, err) || tfx_cli_int(a, "vocab", 256, 1, MOST, &vocab, err))
        return err->status;
    *s = (tfx_layer_sizes){dim, out_dim, context, vocab};
    return TFX_OK;
}

/* ---- building ---- */

/* Without --set, an optimizer that needs one is only declared. */
static tfx_status build_optimizer(tfx_plugin_built *b, const tfx_optimizer_class *cls, tfx_error *err)
{
    tfx_error why = {0};
    char *what = tfx_printf("optimizer %s", cls->name);
    b->options = tfx_options_resolve(cls->options, cls->n_options, b->settings.items, b->settings.n, what, &why);
    if (b->options &&
        tfx_call_optimizer_states(cls, b->options, &tfx_hidden_matrix, b->states, &b->n_states, &why) == TFX_OK)
        b->optimizer = cls;
    else if (b->settings.n)
        *err = why;
    free(what);
    return err->status;
}

tfx_status tfx_plugin_build(tfx_plugin_built *b, const tfx_registry *r, const char *name, const tfx_cli_args *a,
                            tfx_error *err)
{
    const char *size = size_given(a);
    tfx_error no_layer = {0}, no_optimizer = {0};
    *b = (tfx_plugin_built){0};
    if (tfx_class_settings_read(&b->settings, a, err) != TFX_OK)
        return err->status;
    size_t n = b->settings.n;
    const tfx_layer_class *layer = tfx_registry_find(r, TFX_KIND_LAYER, name, &no_layer);
    const tfx_optimizer_class *optimizer = tfx_registry_find(r, TFX_KIND_OPTIMIZER, name, &no_optimizer);
    if (size && !layer)
        return tfx_fail(err, TFX_E_INVALID, "plugin show: --%s: %s", size, no_layer.text);
    if ((size || (n && layer && !optimizer)) && !tfx_cli_value(a, "dim"))
        return tfx_fail(err, TFX_E_INVALID, "plugin show: --%s needs --dim, the width of what goes into the layer",
                        size ? size : "set");
    if (n && !layer && !optimizer)
        return tfx_fail(err, TFX_E_INVALID, "plugin show: --set: '%s' is neither a layer nor an optimizer", name);
    if (size) {
        if (parse_sizes(&b->sizes, a, err) == TFX_OK &&
            tfx_layer_alone_create(&b->alone, r, name, b->settings.items, b->settings.n, &b->sizes, err) == TFX_OK)
            b->layer = layer;
        return err->status;
    }
    return optimizer ? build_optimizer(b, optimizer, err) : TFX_OK;
}

void tfx_plugin_built_finish(tfx_plugin_built *b)
{
    tfx_layer_alone_finish(&b->alone);
    tfx_options_destroy(b->options);
    tfx_class_settings_finish(&b->settings);
    *b = (tfx_plugin_built){0};
}

/* ---- states ---- */

/* For each element of a parameter; what there is for each slice hardly counts. */
static uint64_t bytes_per_element(const tfx_plugin_built *b)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < b->n_states; i++)
        sum += b->states[i].shape == TFX_STATE_LIKE_PARAM ? tfx_dtype_bytes(b->states[i].dtype) : 0;
    return sum;
}

static void add_states(const tfx_plugin_built *b, cJSON *json)
{
    cJSON *list = cJSON_AddArrayToObject(json, "states");
    for (size_t i = 0; i < b->n_states; i++) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddItemToArray(list, o);
        cJSON_AddStringToObject(o, "name", b->states[i].name);
        cJSON_AddStringToObject(o, "shape", tfx_state_shape_text(&b->states[i]));
        cJSON_AddStringToObject(o, "dtype", tfx_dtype_name(b->states[i].dtype));
        cJSON_AddNumberToObject(o, "bytes", (double)tfx_dtype_bytes(b->states[i].dtype));
        cJSON_AddNumberToObject(o, "gradient_power", b->states[i].gradient_power);
    }
    cJSON_AddNumberToObject(json, "state_bytes_per_element", (double)bytes_per_element(b));
}

static void print_states(const tfx_plugin_built *b)
{
    if (!b->n_states) {
        printf("  keeps no state\n");
        return;
    }
    int width = 0;
    for (size_t i = 0; i < b->n_states; i++)
        width = (int)strlen(b->states[i].name) > width ? (int)strlen(b->states[i].name) : width;
    printf("  states: %" PRIu64 " bytes for each element of %s\n", bytes_per_element(b),
           TFX_HAS(b->optimizer, states_for) ? tfx_hidden_matrix.path : "a parameter");
    for (size_t i = 0; i < b->n_states; i++) {
        printf("    %-*s  %s, %s", width, b->states[i].name, tfx_state_shape_text(&b->states[i]),
               tfx_dtype_name(b->states[i].dtype));
        if (b->states[i].gradient_power)
            printf(", scales as the gradient%s", b->states[i].gradient_power == 2 ? " squared" : "");
        printf("\n");
    }
}

/* ---- both ---- */

void tfx_plugin_built_add(const tfx_plugin_built *b, const void *impl, cJSON *json)
{
    if (impl == b->layer && b->layer)
        cJSON_AddItemToObject(json, "built", tfx_plugin_layer_json(&b->alone, &b->sizes));
    if (impl == b->optimizer && b->optimizer)
        add_states(b, json);
}

void tfx_plugin_built_print(const tfx_plugin_built *b, const void *impl)
{
    if (impl == b->layer && b->layer)
        tfx_plugin_layer_print(&b->alone, &b->sizes);
    if (impl == b->optimizer && b->optimizer)
        print_states(b);
}
