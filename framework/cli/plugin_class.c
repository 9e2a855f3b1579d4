#include "framework/cli/plugin_class.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "framework/base/text.h"
#include "framework/plugin/calls/op_calls.h"
#include "framework/plugin/classes.h"
#include "framework/plugin/options.h"

const tfx_loaded_plugin *tfx_plugin_replaced_by(const tfx_registry *r, const tfx_factory *f)
{
    tfx_error err = {0};
    const void *used = tfx_registry_find(r, f->kind, tfx_class_describe(f->kind, f->impl).name, &err);
    return used == f->impl ? NULL : tfx_registry_owner(r, used);
}

static const char *type_word(tfx_option_type type)
{
    static const char *const words[] = {"",     "integer",      "real",      "boolean",     "string",        "choice",
                                        "path", "integer list", "real list", "string list", "real or choice"};
    return words[type];
}

/* ---- JSON ---- */

/* What a setting is when it is not given; null: it must be. */
static void add_default(cJSON *json, const char *def)
{
    cJSON_AddItemToObject(json, "default", def ? cJSON_CreateString(def) : cJSON_CreateNull());
}

static cJSON *option_json(const tfx_option *o)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", o->name);
    cJSON_AddStringToObject(json, "type", type_word(o->type));
    add_default(json, o->def);
    cJSON_AddBoolToObject(json, "required", !o->def);
    if (o->min < o->max) {
        cJSON_AddNumberToObject(json, "min", o->min);
        cJSON_AddNumberToObject(json, "max", o->max);
    }
    if (tfx_option_has_choices(o)) {
        cJSON *choices = cJSON_AddArrayToObject(json, "choices");
        for (size_t i = 0; o->choices[i]; i++)
            cJSON_AddItemToArray(choices, cJSON_CreateString(o->choices[i]));
    }
    cJSON_AddStringToObject(json, "doc", o->doc);
    return json;
}

static cJSON *socket_json(const tfx_slot *s)
{
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "name", s->name);
    add_default(json, s->def);
    cJSON_AddStringToObject(json, "doc", s->doc);
    return json;
}

/* The devices that have a kernel of it, and whether it says its gradient itself. */
static void add_op(cJSON *json, const tfx_op_class *op)
{
    cJSON *kernels = cJSON_AddArrayToObject(json, "kernels");
    for (size_t i = 0; op->kernels && op->kernels[i]; i++)
        cJSON_AddItemToArray(kernels, cJSON_CreateString(op->kernels[i]->device));
    cJSON_AddNumberToObject(json, "results", tfx_op_n_results(op));
    cJSON_AddBoolToObject(json, "vjp", tfx_op_has_vjp(op));
}

cJSON *tfx_plugin_class_json(const tfx_registry *r, const tfx_factory *f, int detail)
{
    tfx_class_info c = tfx_class_describe(f->kind, f->impl);
    const tfx_loaded_plugin *other = tfx_plugin_replaced_by(r, f);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "kind", c.kind);
    cJSON_AddStringToObject(json, "name", c.name);
    cJSON_AddStringToObject(json, "summary", c.summary);
    if (other)
        cJSON_AddStringToObject(json, "replaced_by", other->path);
    if (detail) {
        cJSON *options = cJSON_AddArrayToObject(json, "options");
        for (size_t i = 0; i < c.n_options; i++)
            cJSON_AddItemToArray(options, option_json(tfx_option_at(c.options, i)));
        cJSON *slots = cJSON_AddArrayToObject(json, "slots");
        for (size_t i = 0; i < c.n_sockets; i++)
            cJSON_AddItemToArray(slots, socket_json(tfx_socket_at(c.sockets, i)));
        if (!strcmp(f->kind, TFX_KIND_OP))
            add_op(json, f->impl);
        if (!strcmp(f->kind, TFX_KIND_BACKEND))
            cJSON_AddStringToObject(json, "device", ((const tfx_backend_class *)f->impl)->device);
    }
    return json;
}

/* ---- text ---- */

static void show_default(const char *name, const char *def)
{
    printf("    %s%s%s\n", name, def ? " = " : " (required)", def ? def : "");
}

void tfx_plugin_class_print(const tfx_registry *r, const tfx_factory *f)
{
    tfx_class_info c = tfx_class_describe(f->kind, f->impl);
    const tfx_loaded_plugin *other = tfx_plugin_replaced_by(r, f);
    printf("\n%s %s: %s\n", c.kind, c.name, c.summary);
    if (other)
        printf("  not used: replaced by %s\n", other->path);
    if (!strcmp(f->kind, TFX_KIND_BACKEND))
        printf("  device %s\n", ((const tfx_backend_class *)f->impl)->device);
    if (c.n_options)
        printf("  options\n");
    for (size_t i = 0; i < c.n_options; i++) {
        const tfx_option *o = tfx_option_at(c.options, i);
        tfx_text expected = {0};
        tfx_option_expectation(&expected, o);
        show_default(o->name, o->def);
        printf("        %s\n        %s\n", o->doc, expected.s ? expected.s : type_word(o->type));
        tfx_text_free(&expected);
    }
    if (c.n_sockets)
        printf("  slots\n");
    for (size_t i = 0; i < c.n_sockets; i++) {
        const tfx_slot *s = tfx_socket_at(c.sockets, i);
        show_default(s->name, s->def);
        printf("        %s\n", s->doc);
    }
    if (!strcmp(f->kind, TFX_KIND_OP)) {
        const tfx_op_class *op = f->impl;
        for (size_t i = 0; op->kernels && op->kernels[i]; i++)
            printf("  kernel for %s\n", op->kernels[i]->device);
        if (tfx_op_n_results(op) > 1)
            printf("  has %u results\n", tfx_op_n_results(op));
        printf(tfx_op_has_vjp(op) ? "  has a gradient of its own\n" : "  its gradient is that of what it lowers to\n");
    }
}
