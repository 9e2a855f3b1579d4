/* my_plugin: say in one line what device it computes on, and with what.
 *
 * This one computes every op with plain loops, one node after the other, on one thread: slow, and at the same time a
 * description of what each op means. It is complete but for bf16 products and generation (INSERT and ATTENTION_CACHED). Replace
 * one loop of my_plugin_ops.h after the other; `make` builds it at any time, and `make test` compares it with the backend of tfx.
 * docs/writing-a-backend.md has the rest, tfx/ir.h the ops. */
#include <stdlib.h>
#include <time.h>

#include "my_plugin_ops.h"

/* Step 1. Declare the options, and say what an instance and device memory are. */
static const tfx_option my_plugin_options[] = {
    TFX_OPTION("memory", TFX_OPT_INT, "4G", 1, 1e15, NULL, "bytes that a program may use"),
};

struct tfx_backend {
    const tfx_host *host;
    uint64_t memory;
};

struct tfx_buffer {
    char *data;
};

/* Step 2. Say whether a node can be executed. The host asks for each when a run is planned, and says which one cannot. */
static int my_plugin_supports(const tfx_backend *b, const tfx_program *p, const tfx_node *n)
{
    (void)b;
    int bf16 = 0;
    for (uint32_t i = 0; i < n->n_in; i++)
        bf16 |= p->tensors[n->in[i]]->dtype == TFX_BF16;
    if (n->op == TFX_OP_CUSTOM)
        return n->n_in <= 8 && kernel_of(n) != NULL;
    return function_of(n->op) && (!bf16 || n->op == TFX_OP_CAST || n->op == TFX_OP_STORE);
}

/* ---- the instance, its memory, its programs ---- */

static tfx_status my_plugin_open(const tfx_host *h, const tfx_options *o, tfx_backend **out)
{
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return h->fail(h, TFX_E_MEMORY, "out of memory");
    (*out)->host = h;
    (*out)->memory = (uint64_t)h->opt_int(h, o, "memory");
    return TFX_OK;
}

static void my_plugin_close(tfx_backend *b)
{
    free(b);
}

static const char *my_plugin_describe(const tfx_backend *b)
{
    (void)b;
    return "plain loops, 1 thread";
}

static uint64_t my_plugin_memory(const tfx_backend *b)
{
    return b->memory;
}

static double now(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* How fast products are: `tfx plan` reckons with it. */
static double my_plugin_measure_flops(tfx_backend *b)
{
    enum { N = 1 << 20 };
    volatile float sink;
    float x[64] = {1}, y[64] = {1};
    double before = now(), sum = 0;
    (void)b;
    for (int i = 0; i < N / 64; i++)
        sum += dot_of(64, x, y);
    sink = (float)sum;
    (void)sink;
    return 2.0 * N / (now() - before + 1e-9);
}

/* Zero-filled. A device with memory of its own allocates there, and upload and download are transfers. */
static tfx_status my_plugin_buffer_create(tfx_backend *b, uint64_t bytes, tfx_buffer **out)
{
    tfx_buffer *buf = calloc(1, sizeof(*buf));
    if (buf)
        buf->data = calloc(1, (size_t)bytes + 1);
    if (!buf || !buf->data) {
        free(buf);
        return b->host->fail(b->host, TFX_E_MEMORY, "no %.2f GB of memory", (double)bytes * 1e-9);
    }
    *out = buf;
    return TFX_OK;
}

static void my_plugin_buffer_destroy(tfx_backend *b, tfx_buffer *buf)
{
    (void)b;
    if (buf)
        free(buf->data);
    free(buf);
}

static void my_plugin_upload(tfx_backend *b, tfx_buffer *buf, uint64_t offset, const void *src, size_t n)
{
    (void)b;
    memcpy(buf->data + offset, src, n);
}

static void my_plugin_download(tfx_backend *b, const tfx_buffer *buf, uint64_t offset, void *dst, size_t n)
{
    (void)b;
    memcpy(dst, buf->data + offset, n);
}

/* Bytes that a program needs besides its buffers. */
static uint64_t my_plugin_workspace(const tfx_backend *b, const tfx_program *p)
{
    (void)b, (void)p;
    return 0;
}

/* Step 3. Prepare a program: the place for what is worth doing once. It is run for every training step. */
static tfx_status my_plugin_compile(tfx_backend *b, const tfx_program *p, tfx_exec **out)
{
    tfx_exec *e = calloc(1, sizeof(*e));
    if (e)
        e->seconds = calloc(p->n_steps + (size_t)1, sizeof(*e->seconds));
    if (!e || !e->seconds) {
        free(e);
        return b->host->fail(b->host, TFX_E_MEMORY, "out of memory for a program of %u steps", (unsigned)p->n_steps);
    }
    e->host = b->host;
    e->program = p; /* which outlives it */
    *out = e;
    return TFX_OK;
}

static void my_plugin_exec_destroy(tfx_exec *e)
{
    if (e)
        free(e->seconds);
    free(e);
}

/* Step 4. Execute it. A backend that does not fuse (capabilities 0) gets one node in each step. */
static tfx_status my_plugin_run(tfx_exec *e, tfx_buffer *state, tfx_buffer *arena)
{
    e->base[TFX_BUFFER_STATE] = state ? state->data : NULL;
    e->base[TFX_BUFFER_ARENA] = arena ? arena->data : NULL;
    double before = now();
    for (uint32_t i = 0; i < e->program->n_steps; i++) {
        const tfx_node *n = e->program->steps[i]->nodes[0];
        function_of(n->op)(e, n);
        double after = now();
        e->seconds[i] += after - before;
        before = after;
    }
    return TFX_OK;
}

static void my_plugin_profile(const tfx_exec *e, double *seconds)
{
    memcpy(seconds, e->seconds, e->program->n_steps * sizeof(*seconds));
}

/* Step 5. Name the backend as specs will, and the plugin: name, version, summary. */
static const tfx_backend_class my_plugin_class = {
    .struct_size = sizeof(tfx_backend_class),
    .name = "my_plugin",
    .summary = "plain loops on one thread",
    .device = "cpu",
    .options = my_plugin_options,
    .n_options = sizeof(my_plugin_options) / sizeof(*my_plugin_options),
    .open = my_plugin_open,
    .close = my_plugin_close,
    .describe = my_plugin_describe,
    .memory = my_plugin_memory,
    .measure_flops = my_plugin_measure_flops,
    .buffer_create = my_plugin_buffer_create,
    .buffer_destroy = my_plugin_buffer_destroy,
    .upload = my_plugin_upload,
    .download = my_plugin_download,
    .supports = my_plugin_supports,
    .workspace = my_plugin_workspace,
    .compile = my_plugin_compile,
    .exec_destroy = my_plugin_exec_destroy,
    .run = my_plugin_run,
    .profile = my_plugin_profile,
};

TFX_PLUGIN("my_plugin", "0.1.0", "a backend to start from", TFX_KIND_BACKEND, &my_plugin_class);
