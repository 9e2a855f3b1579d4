#include "framework/plugin/calls/call.h"

#include <assert.h>
#include <stdio.h>

#include "framework/plugin/classes.h"

static _Thread_local tfx_call *current;

void tfx_call_begin(tfx_call *c, const char *kind, const void *impl, const char *function, const char *about)
{
    assert(function);
    c->outer = current;
    c->kind = kind;
    c->impl = impl;
    c->function = function;
    c->about = about;
    c->first.status = TFX_OK; /* the text is not read before there is one */
    c->misuse = 0;
    current = c;
}

void tfx_call_bug(tfx_call *c, const char *fmt, ...)
{
    va_list ap;
    if (c->misuse)
        return;
    c->first.status = TFX_OK;
    c->misuse = 1;
    va_start(ap, fmt);
    tfx_vfail(&c->first, TFX_E_INTERNAL, fmt, ap);
    va_end(ap);
    tfx_error_prefix(&c->first, "bug in the plugin");
}

static const char *status_word(tfx_status status)
{
    switch (status) {
    case TFX_E_INVALID: return "invalid argument";
    case TFX_E_IO: return "input/output error";
    case TFX_E_DATA: return "malformed data";
    case TFX_E_MEMORY: return "out of memory";
    case TFX_E_UNSUPPORTED: return "not supported";
    case TFX_E_INTERNAL: return "internal error";
    default: return "unknown status";
    }
}

tfx_status tfx_call_end(tfx_call *c, tfx_status status, const char *what, tfx_error *err)
{
    const char *prefix = what ? what : "", *colon = what && *what ? ": " : "";
    assert(current == c); /* pairs nest, and stay on their thread */
    current = c->outer;
    if (status > TFX_OK)
        tfx_call_bug(c, "`%s` returned %d, which is no tfx_status", c->function, (int)status);
    if (c->misuse)
        status = TFX_E_INTERNAL;
    if (status < TFX_OK && c->first.status != TFX_OK)
        tfx_fail(err, status, "%s%s%s", prefix, colon, c->first.text);
    else if (status < TFX_OK)
        tfx_fail(err, status, "%s%s`%s` " TFX_WITHOUT_MESSAGE " (status %d, %s)", prefix, colon, c->function,
                 (int)status, status_word(status));
    return status;
}

tfx_status tfx_call_end_named(tfx_call *c, tfx_status status, tfx_error *err)
{
    char what[160];
    int own_words = c->first.status != TFX_OK && !c->misuse && status <= TFX_OK;
    snprintf(what, sizeof(what), "%s %s", tfx_kind_word(c->kind), tfx_class_describe(c->kind, c->impl).name);
    return tfx_call_end(c, status, own_words ? "" : what, err);
}

tfx_status tfx_call_end_making(tfx_call *c, tfx_status status, const void *made, const char *noun, const char *what,
                               tfx_error *err)
{
    if (status == TFX_OK && !made)
        tfx_call_bug(c, "`%s` succeeded and gave no %s", c->function, noun);
    return what ? tfx_call_end(c, status, what, err) : tfx_call_end_named(c, status, err);
}

void tfx_call_end_quietly(tfx_call *c)
{
    tfx_error none = {0};
    tfx_call_end(c, TFX_OK, NULL, &none);
}

tfx_call *tfx_call_current(void)
{
    return current;
}

tfx_call *const *tfx_call_place(void)
{
    return &current;
}

int tfx_call_is_value(const tfx_builder *b, tfx_value v)
{
    return v != TFX_POISON && b->dtype(b, v) != 0;
}

int tfx_call_same_shape(const tfx_builder *b, tfx_value x, tfx_value y)
{
    uint32_t n = b->rank(b, x);
    int same = b->rank(b, y) == n;
    for (uint32_t i = 0; same && i < n; i++)
        same = b->dim_of(b, x, (int)i) == b->dim_of(b, y, (int)i);
    return same;
}
