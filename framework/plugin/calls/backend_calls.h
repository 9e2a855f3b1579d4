/* Calls of backends; see call.h. */
#ifndef TFX_PLUGIN_BACKEND_CALLS_H
#define TFX_PLUGIN_BACKEND_CALLS_H

#include "framework/plugin/calls/call.h"
#include "tfx/backend.h"

/* *out is NULL on error, here and below; destroying or closing NULL does nothing. */
tfx_status tfx_call_backend_open(const tfx_backend_class *cls, const tfx_options *options, tfx_backend **out,
                                 tfx_error *err);
void tfx_call_backend_close(const tfx_backend_class *cls, tfx_backend *b);
const char *tfx_call_backend_describe(const tfx_backend_class *cls, const tfx_backend *b); /* never NULL */
uint64_t tfx_call_backend_memory(const tfx_backend_class *cls, const tfx_backend *b);
/* NaN when the answer is not a positive number. */
/* Of products of f32 or of bf16. */
double tfx_call_backend_measure_flops(const tfx_backend_class *cls, tfx_backend *b, int bf16);

tfx_status tfx_call_backend_buffer_create(const tfx_backend_class *cls, tfx_backend *b, uint64_t bytes,
                                          tfx_buffer **out, tfx_error *err);
void tfx_call_backend_buffer_destroy(const tfx_backend_class *cls, tfx_backend *b, tfx_buffer *buf);
void tfx_call_backend_upload(const tfx_backend_class *cls, tfx_backend *b, tfx_buffer *buf, uint64_t offset,
                             const void *src, size_t n);
void tfx_call_backend_download(const tfx_backend_class *cls, tfx_backend *b, const tfx_buffer *buf, uint64_t offset,
                               void *dst, size_t n);

int tfx_call_backend_supports(const tfx_backend_class *cls, const tfx_backend *b, const tfx_program *p,
                              const tfx_node *node);
uint64_t tfx_call_backend_workspace(const tfx_backend_class *cls, const tfx_backend *b, const tfx_program *p);
tfx_status tfx_call_backend_compile(const tfx_backend_class *cls, tfx_backend *b, const tfx_program *p, tfx_exec **out,
                                    tfx_error *err);
void tfx_call_backend_exec_destroy(const tfx_backend_class *cls, tfx_exec *e);
tfx_status tfx_call_backend_run(const tfx_backend_class *cls, tfx_exec *e, tfx_buffer *state, tfx_buffer *arena,
                                tfx_error *err);
void tfx_call_backend_profile(const tfx_backend_class *cls, const tfx_exec *e, double *seconds);

#endif
