#include "framework/spec/document.h"

#include <string.h>

#include "framework/base/dtype.h"
#include "framework/base/memory.h"
#include "framework/plugin/calls/optimizer_calls.h"
#include "framework/plugin/classes.h"
#include "framework/spec/declarations.h"
#include "framework/spec/sockets.h"

/* In a table, "|" and line breaks would end a cell. */
static void cell(tfx_text *t, const char *s)
{
    for (; *s; s++) {
        if (*s == '|')
            tfx_text_add(t, "\\|");
        else
            tfx_text_add(t, "%c", *s == '\n' ? ' ' : *s);
    }
}

static void options_table(tfx_text *t, const tfx_option *decl, size_t n, const char *prefix)
{
    if (!n) {
        tfx_text_add(t, "No options.\n\n");
        return;
    }
    tfx_text_add(t, "| key | takes | default | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++) {
        const tfx_option *o = tfx_option_at(decl, i);
        tfx_text takes = {0};
        tfx_option_expectation(&takes, o);
        tfx_text_add(t, "| `%s%s` | ", prefix, o->name);
        cell(t, takes.s);
        if (!o->def)
            tfx_text_add(t, " | required | ");
        else if (!*o->def)
            tfx_text_add(t, " | nothing | ");
        else {
            tfx_text_add(t, " | `");
            cell(t, o->def);
            tfx_text_add(t, "` | ");
        }
        cell(t, o->doc);
        tfx_text_add(t, " |\n");
        tfx_text_free(&takes);
    }
    tfx_text_add(t, "\n");
}

static void sockets_table(tfx_text *t, const tfx_slot *sockets, size_t n)
{
    if (!n)
        return;
    tfx_text_add(t, "| slot | default layer | what fills it |\n|---|---|---|\n");
    for (size_t i = 0; i < n; i++) {
        const tfx_slot *s = tfx_socket_at(sockets, i);
        tfx_text_add(t, s->def ? "| `%s` | `%s` | " : "| `%s` | %s | ", s->name, s->def ? s->def : "required");
        cell(t, s->doc);
        tfx_text_add(t, " |\n");
    }
    tfx_text_add(t, "\n");
}

/* ---- classes ---- */

typedef struct class_row {
    tfx_class_info info;
    const void *impl;
    const tfx_plugin *owner;
} class_row;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const class_row *)a)->info.name, ((const class_row *)b)->info.name);
}

/* Several classes of one name can exist in different plugins; the first is the one that a
 * spec gets. */
static class_row *collect(const tfx_registry *r, const char *kind, size_t *n)
{
    class_row *rows = NULL;
    size_t cap = 0;
    *n = 0;
    for (size_t i = 0; i < tfx_registry_count(r); i++) {
        const tfx_plugin *p = tfx_registry_at(r, i)->entry;
        for (size_t k = 0; p->factories[k]; k++) {
            if (strcmp(p->factories[k]->kind, kind))
                continue;
            class_row row = {tfx_class_describe(kind, p->factories[k]->impl), p->factories[k]->impl, p};
            size_t same = 0;
            while (same < *n && strcmp(rows[same].info.name, row.info.name))
                same++;
            if (same == *n)
                *TFX_APPEND(rows, *n, cap) = row;
        }
    }
    if (*n)
        qsort(rows, *n, sizeof(*rows), by_name);
    return rows;
}

/* What an optimizer keeps, with the defaults of its options; those that have none may decide it. */
static void states_line(tfx_text *t, const tfx_optimizer_class *cls)
{
    tfx_error none = {0};
    tfx_state states[TFX_MAX_STATES];
    size_t n = 0;
    tfx_options *options = tfx_options_resolve(cls->options, cls->n_options, NULL, 0, cls->name, &none);
    if (options && tfx_call_optimizer_states(cls, options, &tfx_hidden_matrix, states, &n, &none) == TFX_OK) {
        tfx_text_add(t, n ? "Keeps for %s, with these defaults:" : "Keeps nothing for %s, with these defaults.",
                     TFX_HAS(cls, states_for) ? tfx_hidden_matrix.path : "each parameter");
        for (size_t i = 0; i < n; i++)
            tfx_text_add(t, "%s `%s` (%s, %s)", i ? "," : "", states[i].name, tfx_state_shape_text(&states[i]),
                         tfx_dtype_name(states[i].dtype));
        tfx_text_add(t, n ? ".\n\n" : "\n\n");
    }
    tfx_options_destroy(options);
}

static void op_line(tfx_text *t, const tfx_op_class *op)
{
    tfx_text_add(t, "Kernels for: ");
    for (size_t i = 0; op->kernels && op->kernels[i]; i++)
        tfx_text_add(t, "%s`%s`", i ? ", " : "", op->kernels[i]->device);
    tfx_text_add(t, "%s. Its gradient is %s.\n\n", op->kernels && op->kernels[0] ? "" : "no device",
                 op->vjp ? "its own" : "that of what it lowers to");
}

static void classes(tfx_text *t, const tfx_registry *r, const char *kind, const char *title, const char *prefix)
{
    size_t n;
    class_row *rows = collect(r, kind, &n);
    tfx_text_add(t, "## %s\n\n", title);
    if (!n)
        tfx_text_add(t, "No plugin offers any.\n\n");
    for (size_t i = 0; i < n; i++) {
        const tfx_class_info *c = &rows[i].info;
        tfx_text_add(t, "### `%s`\n\n", c->name);
        cell(t, c->summary ? c->summary : "");
        tfx_text_add(t, " (plugin `%s` %s)\n\n", rows[i].owner->name, rows[i].owner->version);
        sockets_table(t, c->sockets, c->n_sockets);
        if (!strcmp(kind, TFX_KIND_OP))
            op_line(t, rows[i].impl);
        else
            options_table(t, c->options, c->n_options, prefix);
        if (!strcmp(kind, TFX_KIND_OPTIMIZER))
            states_line(t, rows[i].impl);
    }
    free(rows);
}

/* ---- the page ---- */

static void host_section(tfx_text *t, const char *kind, const char *title, const char *intro)
{
    size_t n;
    const tfx_option *decl = tfx_spec_declaration(kind, &n);
    tfx_text_add(t, "## %s\n\n%s\n\n", title, intro);
    options_table(t, decl, n, "");
}

void tfx_spec_document(const tfx_registry *r, tfx_text *out)
{
    tfx_text_add(
        out, "# Keys of a spec\n\n"
             "Printed by `tfx plugin show --markdown` from the declarations in tfx and in the plugins it finds; run\n"
             "it to see those of your own plugins, too. How a spec is built is told in [spec.md](spec.md).\n"
             "Numbers may end in k, M, G or T: `600k` is 600000.\n\n");
    host_section(out, "experiment", "`[experiment]`", "What is run, and on what.");
    host_section(out, "data", "`[data]`", "Where the tokens come from.");
    host_section(out, "train", "`[train]`", "How every arm trains, unless it says otherwise.");
    tfx_text_add(out, "What holds for some parameters alone, as `group.NAME.KEY` with a name of your own:\n\n");
    size_t n_group;
    const tfx_option *group = tfx_spec_declaration("group", &n_group);
    options_table(out, group, n_group, "group.NAME.");
    host_section(out, "model", "`[model NAME]`", "The shape of a model, and its tree of layers.");
    tfx_text_add(
        out, "A key that names a slot says which layer fills it; that layer's options and slots are the keys below\n"
             "that key. `blocks.KEY` holds for every block, `blocks.3.KEY` for block 3 alone, counted from 0.\n\n");
    size_t n_sockets;
    const tfx_slot *sockets = tfx_model_sockets(&n_sockets);
    sockets_table(out, sockets, n_sockets);
    host_section(out, "scaling", "`[scaling NAME]`", "When and how an arm grows.");
    tfx_text_add(out, "How growth happens, at every event as `event.KEY`, or at the N-th alone as `event.N.KEY`:\n\n");
    size_t n_event;
    const tfx_option *event = tfx_spec_declaration("event", &n_event);
    options_table(out, event, n_event, "event.");
    host_section(out, "arm", "`[arm NAME]`",
                 "One recipe. Any key of `[train]`, with `train.` before it, holds for this arm alone.");
    host_section(
        out, "sweep", "`[sweep NAME]`",
        "Arms with other values. Any other key is one of `[arm NAME]`, with the values that it takes, separated by "
        "commas.");
    classes(out, r, TFX_KIND_LAYER, "Layers", "");
    classes(out, r, TFX_KIND_OPTIMIZER, "Optimizers", "optimizer.");
    classes(out, r, TFX_KIND_LOADER, "Loaders", "loader.");
    classes(out, r, TFX_KIND_SCALING, "Scaling policies", "policy.");
    classes(out, r, TFX_KIND_OPERATOR, "Growth operators", "operator.");
    classes(out, r, TFX_KIND_BACKEND, "Backends", "backend.");
    classes(out, r, TFX_KIND_OP, "Ops", "");
    while (out->n > 1 && out->s[out->n - 1] == '\n' && out->s[out->n - 2] == '\n')
        out->s[--out->n] = 0; /* one line end closes the page */
}
