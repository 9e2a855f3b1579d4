/* A backend that has the one called cpu do everything, and keeps all promises that that one keeps; a test breaks one by redefining
 * a word before it includes this. */
#include <dlfcn.h>
#include <link.h>

#include "tests/conformance/one_class.h"

#ifndef AFTER_CREATE
#define AFTER_CREATE(b, buf, bytes)
#endif
#ifndef MOST_BYTES
#define MOST_BYTES UINT64_MAX
#endif
#ifndef UPLOAD_AT
#define UPLOAD_AT(offset) (offset)
#endif
#ifndef AFTER_RUN
#define AFTER_RUN(e, state, arena)
#endif
#ifndef AFTER_OPEN
#define AFTER_OPEN(b)
#endif
#ifndef MEMORY
#define MEMORY(bytes) (bytes)
#endif

static const tfx_backend_class *cpu;
static tfx_backend *opened; /* one per process */

static int find_cpu(struct dl_phdr_info *info, size_t size, void *data)
{
    size_t n = strlen(info->dlpi_name);
    (void)size, (void)data;
    if (n < 7 || strcmp(info->dlpi_name + n - 7, "/cpu.so"))
        return 0;
    void *handle = dlopen(info->dlpi_name, RTLD_NOW | RTLD_NOLOAD);
    const tfx_plugin *entry = handle ? dlsym(handle, "tfx_plugin_entry") : NULL;
    cpu = entry ? entry->factories[0]->impl : NULL;
    return 1;
}

static const char *const products[] = {"auto", NULL};
static const tfx_option options[] = {TFX_OPTION("threads", TFX_OPT_INT, "0", 0, 64, NULL, "compute threads"),
                                     TFX_OPTION("products", TFX_OPT_CHOICE, "auto", 0, 0, products, "as of cpu")};

static tfx_status backend_open(const tfx_host *h, const tfx_options *o, tfx_backend **out)
{
    dl_iterate_phdr(find_cpu, NULL);
    if (!cpu)
        return h->fail(h, TFX_E_UNSUPPORTED, "there is no cpu.so");
    tfx_status status = cpu->open(h, o, out);
    opened = *out;
    AFTER_OPEN(*out);
    return status;
}

static void backend_close(tfx_backend *b)
{
    cpu->close(b);
}

static const char *backend_describe(const tfx_backend *b)
{
    return cpu->describe(b);
}

static uint64_t backend_memory(const tfx_backend *b)
{
    return MEMORY(cpu->memory(b));
}

static double backend_flops(tfx_backend *b)
{
    return cpu->measure_flops(b);
}

static tfx_status buffer_create(tfx_backend *b, uint64_t bytes, tfx_buffer **out)
{
    tfx_status status = cpu->buffer_create(b, bytes < MOST_BYTES ? bytes : MOST_BYTES, out);
    if (status == TFX_OK) {
        AFTER_CREATE(b, *out, bytes);
    }
    return status;
}

static void buffer_destroy(tfx_backend *b, tfx_buffer *buf)
{
    cpu->buffer_destroy(b, buf);
}

static void upload(tfx_backend *b, tfx_buffer *buf, uint64_t offset, const void *src, size_t n)
{
    cpu->upload(b, buf, UPLOAD_AT(offset), src, n);
}

static void download(tfx_backend *b, const tfx_buffer *buf, uint64_t offset, void *dst, size_t n)
{
    cpu->download(b, buf, offset, dst, n);
}

static int supports(const tfx_backend *b, const tfx_program *p, const tfx_node *node)
{
    return cpu->supports(b, p, node);
}

static uint64_t workspace(const tfx_backend *b, const tfx_program *p)
{
    return cpu->workspace(b, p);
}

static const tfx_program *last;

static tfx_status compile(tfx_backend *b, const tfx_program *p, tfx_exec **out)
{
    last = p;
    return cpu->compile(b, p, out);
}

static void exec_destroy(tfx_exec *e)
{
    cpu->exec_destroy(e);
}

static tfx_status run(tfx_exec *e, tfx_buffer *state, tfx_buffer *arena)
{
    tfx_status status = cpu->run(e, state, arena);
    AFTER_RUN(e, state, arena);
    return status;
}

static void profile(const tfx_exec *e, double *seconds)
{
    cpu->profile(e, seconds);
}

static const tfx_backend_class class_table = {sizeof(class_table),
                                              BACKEND_NAME,
                                              "as cpu",
                                              "cpu",
                                              TFX_BACKEND_FUSES_POINTWISE,
                                              options,
                                              N_OF(options),
                                              backend_open,
                                              backend_close,
                                              backend_describe,
                                              backend_memory,
                                              backend_flops,
                                              buffer_create,
                                              buffer_destroy,
                                              upload,
                                              download,
                                              supports,
                                              workspace,
                                              compile,
                                              exec_destroy,
                                              run,
                                              profile};

TFX_PLUGIN(BACKEND_NAME, "1", "as cpu", TFX_KIND_BACKEND, &class_table);
