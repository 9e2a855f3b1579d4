/* Programs built by hand, and a backend plugin to run them: what the tests of compute
 * backends share.
 *
 * The plugin is loaded from $TFX_PLUGIN_PATH as the host would load it, and gets a host
 * table of its own. Inputs live in the state buffer, results in the arena. Around every
 * tensor lies a guard zone, and the arena starts out as NaN, so that writing outside a
 * result, or not writing all of it, is seen. */
#ifndef TFX_TESTS_PROGRAM_H
#define TFX_TESTS_PROGRAM_H

#include <dlfcn.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/random.h"
#include "tfx/tfx.h"

/* How a failure is reported: through Check, unless the includer is no test and says
 * otherwise. (Check writes a record for every assertion that holds: keep them out of loops.) */
#ifndef REQUIRE
#include <check.h>
#define REQUIRE(condition, ...) ck_assert_msg(condition, __VA_ARGS__)
#endif

/* ---- host ---- */

static char host_message[1024];  /* of the first failure since it was cleared */
static int64_t host_threads = 2; /* what option "threads" says */

static tfx_status host_fail(const tfx_host *host, tfx_status status, const char *fmt, ...) TFX_PRINTF(3, 4);
static tfx_status host_fail(const tfx_host *host, tfx_status status, const char *fmt, ...)
{
    (void)host;
    if (!host_message[0]) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(host_message, sizeof(host_message), fmt, ap);
        va_end(ap);
    }
    return status;
}

static int64_t host_opt_int(const tfx_host *host, const tfx_options *o, const char *name)
{
    (void)host, (void)o;
    REQUIRE(strcmp(name, "threads") == 0, "an undeclared option, %s, is asked for", name);
    return host_threads;
}

static const char *host_products = "auto"; /* what option "products" says */

/* oneDNN is not loaded under AddressSanitizer: GCC 12's leak check then fails ("Tracer caught signal 11") at the end of some processes. */
static inline int may_be_tested(const char *products)
{
#if defined(__SANITIZE_ADDRESS__)
    return strcmp(products, "onednn") != 0;
#else
    (void)products;
    return 1;
#endif
}

static const char *host_opt_string(const tfx_host *host, const tfx_options *o, const char *name)
{
    (void)host, (void)o;
    REQUIRE(strcmp(name, "products") == 0, "an undeclared option, %s, is asked for", name);
    return host_products;
}

static const tfx_host test_host = {.struct_size = sizeof(tfx_host),
                                   .abi_major = TFX_ABI_MAJOR,
                                   .abi_minor = TFX_ABI_MINOR,
                                   .fail = host_fail,
                                   .opt_int = host_opt_int,
                                   .opt_string = host_opt_string,
                                   .random_u64 = tfx_random_u64,
                                   .random_normal = tfx_random_normal};

/* The class of the backend in $TFX_PLUGIN_PATH/<name>.so. */
static inline const tfx_backend_class *load_backend(const char *name)
{
    const char *folder = getenv("TFX_PLUGIN_PATH");
    REQUIRE(folder != NULL, "TFX_PLUGIN_PATH must name the folder of the built plugins");
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s.so", folder, name);
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    REQUIRE(so != NULL, "%s", so ? "" : dlerror());
    const tfx_plugin *entry = dlsym(so, "tfx_plugin_entry");
    REQUIRE(entry && entry->abi_major == TFX_ABI_MAJOR, "%s is no plugin of this version", path);
    for (const tfx_factory *const *f = entry->factories; *f; f++)
        if (strcmp((*f)->kind, TFX_KIND_BACKEND) == 0)
            return (*f)->impl;
    REQUIRE(0, "%s offers no backend", path);
    return NULL;
}

/* ---- programs ---- */

enum { MAX_VALUES = 512, MAX_NODES = 512, GUARD = 64 };

typedef struct program {
    tfx_program p;
    tfx_tensor tensors[MAX_VALUES];
    const tfx_tensor *tensor_at[MAX_VALUES];
    tfx_node nodes[MAX_NODES];
    tfx_value operands[MAX_NODES][12];
    tfx_step steps[MAX_NODES];
    const tfx_step *step_at[MAX_NODES];
    const tfx_node *node_at[MAX_NODES];
    uint32_t n_nodes;
    void *data[MAX_VALUES]; /* initial contents before the first run (NULL: NaN); results after */
    char *first[3];         /* by buffer: initial contents as a whole, made by the first run */
    char *image[3];         /* by buffer: contents after the last run */
} program;

typedef struct shape {
    uint32_t n;
    int64_t d[TFX_MAX_DIMS];
} shape;

#define SHAPE(...) ((shape){sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), {__VA_ARGS__}})
#define SCALAR ((shape){0, {0}})

static inline program *program_create(void)
{
    program *g = calloc(1, sizeof(*g));
    g->p.struct_size = sizeof(g->p);
    g->p.tensors = g->tensor_at;
    g->p.steps = g->step_at;
    g->p.state_bytes = g->p.arena_bytes = GUARD;
    return g;
}

static inline void program_destroy(program *g)
{
    for (uint32_t v = 0; v < MAX_VALUES; v++)
        free(g->data[v]);
    for (int i = 0; i < 3; i++) {
        free(g->first[i]);
        free(g->image[i]);
    }
    free(g);
}

static inline int64_t shape_count(shape s)
{
    int64_t n = 1;
    for (uint32_t i = 0; i < s.n; i++)
        n *= s.d[i];
    return n;
}

static inline size_t dtype_bytes(tfx_dtype t)
{
    return t == TFX_BF16 ? 2 : 4;
}

/* A tensor in `buffer` (or nowhere). */
static inline tfx_value program_value(program *g, tfx_dtype dtype, shape s, uint32_t buffer)
{
    tfx_value v = ++g->p.n_values;
    REQUIRE(v < MAX_VALUES, "too many values");
    tfx_tensor *t = &g->tensors[v];
    *t = (tfx_tensor){.struct_size = sizeof(*t), .dtype = dtype, .n_dims = s.n, .buffer = buffer};
    memcpy(t->dims, s.d, sizeof(s.d));
    g->tensor_at[v] = t;
    uint64_t *size = buffer == TFX_BUFFER_STATE ? &g->p.state_bytes : &g->p.arena_bytes;
    if (buffer != TFX_BUFFER_NONE) {
        t->offset = *size;
        *size += ((uint64_t)shape_count(s) * dtype_bytes(dtype) + 63) / 64 * 64 + GUARD;
    }
    return v;
}

static inline tfx_value result(program *g, shape s)
{
    return program_value(g, TFX_F32, s, TFX_BUFFER_ARENA);
}

/* Inside a fused step. */
static inline tfx_value inside(program *g, shape s)
{
    return program_value(g, TFX_F32, s, TFX_BUFFER_NONE);
}

/* A tensor that shares another one's memory. */
static inline tfx_value shared_with(program *g, tfx_value other, shape s)
{
    tfx_value v = program_value(g, g->tensors[other].dtype, s, TFX_BUFFER_NONE);
    g->tensors[v].buffer = g->tensors[other].buffer;
    g->tensors[v].offset = g->tensors[other].offset;
    return v;
}

static inline size_t value_bytes(const program *g, tfx_value v)
{
    const tfx_tensor *t = &g->tensors[v];
    size_t n = dtype_bytes(t->dtype);
    for (uint32_t i = 0; i < t->n_dims; i++)
        n *= (size_t)t->dims[i];
    return n;
}

/* A value's numbers: to be filled in before the first run, results after each. */
static inline void *program_data(program *g, tfx_value v)
{
    if (!g->data[v]) {
        g->data[v] = malloc(value_bytes(g, v) + 1);
        memset(g->data[v], 0xff, value_bytes(g, v));
    }
    return g->data[v];
}

static uint64_t random_index; /* of the next number; whoever sets it gets the same ones again */

/* Uniform in [-1, 1). */
static inline float next_random(void)
{
    return (float)((double)(tfx_random_u64(7, 11, random_index++) >> 11) * 0x1p-52 - 1.0);
}

/* An f32 input of random numbers in [-size, size). */
static inline tfx_value random_input(program *g, shape s, float size)
{
    tfx_value v = program_value(g, TFX_F32, s, TFX_BUFFER_STATE);
    float *x = program_data(g, v);
    for (int64_t i = 0; i < shape_count(s); i++)
        x[i] = next_random() * size;
    return v;
}

static inline tfx_value int_input(program *g, shape s, int32_t low, int32_t high)
{
    tfx_value v = program_value(g, TFX_I32, s, TFX_BUFFER_STATE);
    int32_t *x = program_data(g, v);
    for (int64_t i = 0; i < shape_count(s); i++)
        x[i] = low + (int32_t)((next_random() * 0.5f + 0.5f) * (float)(high - low + 1));
    return v;
}

static inline uint16_t to_bf16(float x)
{
    uint32_t u;
    memcpy(&u, &x, 4);
    if (x != x)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

static inline float from_bf16(uint16_t b)
{
    uint32_t u = (uint32_t)b << 16;
    float x;
    memcpy(&x, &u, 4);
    return x;
}

static inline tfx_value random_bf16(program *g, shape s, float size)
{
    tfx_value v = program_value(g, TFX_BF16, s, TFX_BUFFER_STATE);
    uint16_t *x = program_data(g, v);
    for (int64_t i = 0; i < shape_count(s); i++)
        x[i] = to_bf16(next_random() * size);
    return v;
}

/* An f32 input with the numbers of a bf16 one. */
static inline tfx_value widened_input(program *g, tfx_value narrow, shape s)
{
    tfx_value v = program_value(g, TFX_F32, s, TFX_BUFFER_STATE);
    const uint16_t *x = program_data(g, narrow);
    float *y = program_data(g, v);
    for (int64_t i = 0; i < shape_count(s); i++)
        y[i] = from_bf16(x[i]);
    return v;
}

/* Adds a node of n_in operands and n_out results, given in that order. */
static inline tfx_node *add_node(program *g, tfx_op op, uint32_t n_in, uint32_t n_out, ...)
{
    REQUIRE(g->n_nodes < MAX_NODES, "too many nodes");
    tfx_node *n = &g->nodes[g->n_nodes];
    tfx_value *values = g->operands[g->n_nodes];
    *n = (tfx_node){
        .struct_size = sizeof(*n), .op = op, .n_in = n_in, .n_out = n_out, .in = values, .out = values + n_in};
    va_list ap;
    va_start(ap, n_out);
    for (uint32_t i = 0; i < n_in + n_out; i++)
        values[i] = va_arg(ap, tfx_value);
    va_end(ap);
    g->node_at[g->n_nodes++] = n;
    return n;
}

/* Makes a step of the last n nodes that were added. */
static inline void add_step(program *g, uint32_t n, shape domain)
{
    tfx_step *s = &g->steps[g->p.n_steps];
    *s = (tfx_step){.struct_size = sizeof(*s), .n_nodes = n, .nodes = g->node_at + g->n_nodes - n, .n_dims = domain.n};
    memcpy(s->dims, domain.d, sizeof(s->dims));
    g->step_at[g->p.n_steps++] = s;
}

/* Makes a step of the node that was added last, and returns it. */
static inline tfx_node *as_step(program *g, tfx_node *node)
{
    add_step(g, 1, SCALAR);
    return node;
}

/* A node that is a step of its own. */
#define ADD_SINGLE(g, ...) as_step(g, add_node(g, __VA_ARGS__))

static inline const tfx_backend_class *cpu_backend(void)
{
    static const tfx_backend_class *cls;
    if (!cls)
        cls = load_backend("cpu");
    return cls;
}

static inline uint64_t buffer_bytes(const program *g, int buffer)
{
    return buffer == TFX_BUFFER_STATE ? g->p.state_bytes : g->p.arena_bytes;
}

/* Bytes that belong to no tensor must still be what they were. */
static inline void check_guards(program *g, int buffer)
{
    uint64_t size = buffer_bytes(g, buffer);
    char *owned = calloc(1, size);
    for (uint32_t v = 1; v <= g->p.n_values; v++)
        if (g->tensors[v].buffer == (uint32_t)buffer)
            memset(owned + g->tensors[v].offset, 1, value_bytes(g, v));
    for (uint64_t i = 0; i < size; i++)
        if (!owned[i] && g->image[buffer][i] != (char)0xff)
            REQUIRE(0, "byte %llu of buffer %d, outside every tensor, was written", (unsigned long long)i, buffer);
    free(owned);
}

static inline void make_images(program *g)
{
    for (int i = 1; i < 3; i++) {
        if (g->first[i])
            continue;
        g->first[i] = malloc(buffer_bytes(g, i));
        g->image[i] = malloc(buffer_bytes(g, i));
        memset(g->first[i], 0xff, buffer_bytes(g, i));
        for (uint32_t v = 1; v <= g->p.n_values; v++)
            if (g->data[v] && g->tensors[v].buffer == (uint32_t)i)
                memcpy(g->first[i] + g->tensors[v].offset, g->data[v], value_bytes(g, v));
    }
}

/* Runs the program from its initial contents on `threads` threads. */
static inline void program_run(program *g, int threads)
{
    const tfx_backend_class *cls = cpu_backend();
    make_images(g);
    host_message[0] = '\0';
    host_threads = threads;
    tfx_backend *b;
    REQUIRE(cls->open(&test_host, NULL, &b) == TFX_OK, "%s", host_message);
    tfx_buffer *buffers[3] = {NULL, NULL, NULL};
    for (int i = 1; i < 3; i++) {
        REQUIRE(cls->buffer_create(b, buffer_bytes(g, i), &buffers[i]) == TFX_OK, "%s", host_message);
        cls->upload(b, buffers[i], 0, g->first[i], buffer_bytes(g, i));
    }
    tfx_exec *e;
    REQUIRE(cls->compile(b, &g->p, &e) == TFX_OK, "%s", host_message);
    REQUIRE(cls->run(e, buffers[TFX_BUFFER_STATE], buffers[TFX_BUFFER_ARENA]) == TFX_OK, "%s", host_message);
    cls->exec_destroy(e);
    for (int i = 1; i < 3; i++) {
        cls->download(b, buffers[i], 0, g->image[i], buffer_bytes(g, i));
        cls->buffer_destroy(b, buffers[i]);
        check_guards(g, i);
    }
    cls->close(b);
    for (uint32_t v = 1; v <= g->p.n_values; v++)
        if (g->tensors[v].buffer != TFX_BUFFER_NONE)
            memcpy(program_data(g, v), g->image[g->tensors[v].buffer] + g->tensors[v].offset, value_bytes(g, v));
}

/* Runs twice and demands the same bits everywhere. */
static inline void program_run_twice(program *g, int threads)
{
    program_run(g, threads);
    char *before[3] = {NULL, NULL, NULL};
    for (int i = 1; i < 3; i++) {
        before[i] = malloc(buffer_bytes(g, i));
        memcpy(before[i], g->image[i], buffer_bytes(g, i));
    }
    program_run(g, threads);
    for (int i = 1; i < 3; i++) {
        REQUIRE(memcmp(before[i], g->image[i], buffer_bytes(g, i)) == 0, "two runs on %d threads differ", threads);
        free(before[i]);
    }
}

/* ---- comparing ---- */

/* |got - want| <= tolerance * max(|want|, floor) for each of n; NaN and infinities must be
 * the same. */
static inline void check_close(const float *got, const double *want, int64_t n, double tolerance, double floor,
                               const char *what)
{
    for (int64_t i = 0; i < n; i++) {
        double w = want[i], x = (double)got[i];
        if (isnan(w) || isinf(w)) {
            if (isnan(w) ? !isnan(x) : x != w)
                REQUIRE(0, "%s: element %lld is %g, expected %g", what, (long long)i, x, w);
            continue;
        }
        double limit = tolerance * fmax(fabs(w), floor);
        if (!(fabs(x - w) <= limit)) /* ck_assert_msg would report every element to the runner */
            REQUIRE(0, "%s: element %lld is %.9g, expected %.9g", what, (long long)i, x, w);
    }
}

#endif
