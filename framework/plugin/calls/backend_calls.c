#include "framework/plugin/calls/backend_calls.h"

#include <math.h>

#include "framework/plugin/host.h"

static void begin(tfx_call *c, const tfx_backend_class *cls, const char *function)
{
    tfx_call_begin(c, TFX_KIND_BACKEND, cls, function, NULL);
}

tfx_status tfx_call_backend_open(const tfx_backend_class *cls, const tfx_options *options, tfx_backend **out,
                                 tfx_error *err)
{
    tfx_call c;
    *out = NULL;
    begin(&c, cls, "open");
    tfx_status status = cls->open(tfx_host_table(), options, out);
    if (tfx_call_end_making(&c, status, *out, "backend", cls->name, err) != TFX_OK)
        *out = NULL;
    return err->status;
}

void tfx_call_backend_close(const tfx_backend_class *cls, tfx_backend *b)
{
    tfx_call c;
    if (!b)
        return;
    begin(&c, cls, "close");
    cls->close(b);
    tfx_call_end_quietly(&c);
}

const char *tfx_call_backend_describe(const tfx_backend_class *cls, const tfx_backend *b)
{
    tfx_call c;
    begin(&c, cls, "describe");
    const char *text = cls->describe(b);
    tfx_call_end_quietly(&c);
    return text ? text : cls->name;
}

/* No machine has as much, and sums of such counts do not overflow. */
static uint64_t bounded(uint64_t bytes)
{
    return bytes < (uint64_t)1 << 60 ? bytes : (uint64_t)1 << 60;
}

uint64_t tfx_call_backend_memory(const tfx_backend_class *cls, const tfx_backend *b)
{
    tfx_call c;
    begin(&c, cls, "memory");
    uint64_t bytes = cls->memory(b);
    tfx_call_end_quietly(&c);
    return bounded(bytes);
}

double tfx_call_backend_measure_flops(const tfx_backend_class *cls, tfx_backend *b, int bf16)
{
    tfx_call c;
    int own = bf16 && TFX_HAS(cls, measure_bf16_flops);
    begin(&c, cls, own ? "measure_bf16_flops" : "measure_flops");
    double flops = (own ? cls->measure_bf16_flops : cls->measure_flops)(b);
    tfx_call_end_quietly(&c);
    return isfinite(flops) && flops > 0 ? flops : NAN;
}

tfx_status tfx_call_backend_buffer_create(const tfx_backend_class *cls, tfx_backend *b, uint64_t bytes,
                                          tfx_buffer **out, tfx_error *err)
{
    tfx_call c;
    *out = NULL;
    begin(&c, cls, "buffer_create");
    tfx_status status = cls->buffer_create(b, bytes, out);
    if (tfx_call_end_making(&c, status, *out, "buffer", cls->name, err) != TFX_OK)
        *out = NULL;
    return err->status;
}

void tfx_call_backend_buffer_destroy(const tfx_backend_class *cls, tfx_backend *b, tfx_buffer *buf)
{
    tfx_call c;
    if (!buf)
        return;
    begin(&c, cls, "buffer_destroy");
    cls->buffer_destroy(b, buf);
    tfx_call_end_quietly(&c);
}

void tfx_call_backend_upload(const tfx_backend_class *cls, tfx_backend *b, tfx_buffer *buf, uint64_t offset,
                             const void *src, size_t n)
{
    tfx_call c;
    begin(&c, cls, "upload");
    cls->upload(b, buf, offset, src, n);
    tfx_call_end_quietly(&c);
}

void tfx_call_backend_download(const tfx_backend_class *cls, tfx_backend *b, const tfx_buffer *buf, uint64_t offset,
                               void *dst, size_t n)
{
    tfx_call c;
    begin(&c, cls, "download");
    cls->download(b, buf, offset, dst, n);
    tfx_call_end_quietly(&c);
}

int tfx_call_backend_supports(const tfx_backend_class *cls, const tfx_backend *b, const tfx_program *p,
                              const tfx_node *node)
{
    tfx_call c;
    begin(&c, cls, "supports");
    int yes = cls->supports(b, p, node) != 0;
    tfx_call_end_quietly(&c);
    return yes;
}

uint64_t tfx_call_backend_workspace(const tfx_backend_class *cls, const tfx_backend *b, const tfx_program *p)
{
    tfx_call c;
    begin(&c, cls, "workspace");
    uint64_t bytes = cls->workspace(b, p);
    tfx_call_end_quietly(&c);
    return bounded(bytes);
}

tfx_status tfx_call_backend_compile(const tfx_backend_class *cls, tfx_backend *b, const tfx_program *p, tfx_exec **out,
                                    tfx_error *err)
{
    tfx_call c;
    *out = NULL;
    begin(&c, cls, "compile");
    tfx_status status = cls->compile(b, p, out);
    if (tfx_call_end_making(&c, status, *out, "program", cls->name, err) != TFX_OK)
        *out = NULL;
    return err->status;
}

void tfx_call_backend_exec_destroy(const tfx_backend_class *cls, tfx_exec *e)
{
    tfx_call c;
    if (!e)
        return;
    begin(&c, cls, "exec_destroy");
    cls->exec_destroy(e);
    tfx_call_end_quietly(&c);
}

tfx_status tfx_call_backend_run(const tfx_backend_class *cls, tfx_exec *e, tfx_buffer *state, tfx_buffer *arena,
                                tfx_error *err)
{
    tfx_call c;
    tfx_call_begin(&c, TFX_KIND_BACKEND, cls, "run", "all kernels, those of custom ops included");
    return tfx_call_end(&c, cls->run(e, state, arena), cls->name, err);
}

void tfx_call_backend_profile(const tfx_backend_class *cls, const tfx_exec *e, double *seconds)
{
    tfx_call c;
    begin(&c, cls, "profile");
    cls->profile(e, seconds);
    tfx_call_end_quietly(&c);
}
