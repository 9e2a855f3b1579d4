#include "framework/conformance/op_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/random.h"
#include "framework/base/text.h"
#include "framework/graph/builder.h"
#include "framework/plugin/calls/op_calls.h"

/* Operands as text, which --set has them in, too. */
static const char *const operands[] = {
    "2x6x8",
    "6x8",
    "8",
    "2x6x8,2x6x8",
    "2x6x8,8",
    "6x8,6x8",
    "8,8",
    "6x8,8",
    "2x6x8,8x8",
    "6x8,8x5",
    "2x6x8,5x8",
    "2x6x2x4",
    "2x6x2x4,2x6x2x4",
    "2x6x8,8,8",
    "2x6x8,2x6x8,2x6x8",
    "6x8,6x8,6x8",
    "8,8,8",
    "2x6x2x4,2x6x2x4,2x6x2x4",
    "2x6x8,8x8,8",
    "6x8,8x5,5",
    "2x6:i32",
    "6x8,6:i32",
    "2x6x8,2x6:i32",
    "2x6x8,2x6x8,2x6x8,2x6x8",
    "4x4",
    "4x4,4x4",
    "1x1x1",
    "1",
    "1,1",
    "3x5x7",
    "3x5x7,3x5x7",
    "33x17",
    "33x17,33x17",
    "2x6x8,2x6x8,8",
    "1x1x1,1",
    "2x6x8,5x8,5x7,1",
    "2x6x8,5x8,5x7,1,2x6x5,2x6x7",
    "3x37x19,65x19,65x40,1",
    "3x37x19,65x19,65x40,1,3x37x65,3x37x40",
    "2x6x8,2x6",
    "2x6x8,2x6x1",
    "2x6x8,2x6x8,2x6",
    "2x3x130",
    "2x3x130,130",
    "130x3",
    "1000",
    "1000,1000",
    "3x37x19",
    "3x37x19,3x37x19",
    "3x37x19,19",
    "",
    "5x65,65x66",
    "2x2x2x2x2x2x2x2",
    "6x8:bf16",
    "2x6x8:bf16,8:bf16",
    "2x6x8:i32",
    "1048576x1048576",
};
enum { N_OPERANDS = sizeof(operands) / sizeof(*operands) };
/* From here on they are there to be refused. */
enum { N_PLAIN = N_OPERANDS - 6 };

/* The first number, and what is added for each further one: most ops have one attribute, and some need equal ones. */
static const struct {
    int64_t i, more;
    double r, more_r;
} attributes[] = {{0, 0, 0.5, 0},
                  {1, 0, 0.5, 0},
                  {1, 1, 0.5, 0.25},
                  {2, 0, 0.5, 0},
                  {0, 0, 0, 0},
                  {1, 0, 1, 0},
                  {9, 0, 0.75, 0},
                  {4, 0, 2, 0},
                  {-1, 0, -1, 0},
                  {INT64_MAX, 0, 1e300, 0},
                  {INT64_MIN, 0, -1e300, 0}};
enum { N_ATTRIBUTES = sizeof(attributes) / sizeof(*attributes), LAST_PLAIN = 8, ATTRIBUTES_TRIED = 8 };

/* "2x6x8,8:i32" */
static int read_operands(const char *text, tfx_op_case *c)
{
    c->n_in = 0;
    while (*text && c->n_in < TFX_CASE_OPERANDS) {
        tfx_tensor *t = &c->in[c->n_in++];
        *t = (tfx_tensor){.struct_size = sizeof(*t), .dtype = TFX_F32};
        while (*text && *text != ',' && *text != ':' && t->n_dims < TFX_MAX_DIMS) {
            char *end;
            t->dims[t->n_dims] = strtoll(text, &end, 10);
            if (end == text || t->dims[t->n_dims++] < 1)
                return 0;
            text = end + (*end == 'x');
        }
        if (!strncmp(text, ":i32", 4) || !strncmp(text, ":bf16", 5)) {
            t->dtype = text[1] == 'i' ? TFX_I32 : TFX_BF16;
            text += strcspn(text, ",");
        }
        if (*text && *text != ',')
            return 0;
        text += *text == ',';
    }
    return !*text;
}

static const char *set_value(const tfx_subject *s, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = s->n_sets; i-- > 0;)
        if (!strncmp(s->sets[i], key, n) && s->sets[i][n] == '=')
            return s->sets[i] + n + 1;
    return NULL;
}

int tfx_op_case_try(const tfx_subject *s, uint32_t i, tfx_op_case *c)
{
    const char *in = set_value(s, "in"), *ints = set_value(s, "ints"), *reals = set_value(s, "reals");
    uint32_t n_attributes = ints || reals ? 1 : N_ATTRIBUTES, n_operands = in ? 1 : N_OPERANDS;
    *c = (tfx_op_case){0};
    if (i >= n_attributes * n_operands || !read_operands(in ? in : operands[i / n_attributes], c))
        return 0;
    for (int k = 0; k < TFX_MAX_INTS; k++)
        c->ints[k] = ints ? 0 : attributes[i % n_attributes].i + k * attributes[i % n_attributes].more;
    for (int k = 0; k < TFX_MAX_REALS; k++)
        c->reals[k] = reals ? 0 : attributes[i % n_attributes].r + k * attributes[i % n_attributes].more_r;
    for (int k = 0; ints && *ints && k < TFX_MAX_INTS; k++, ints += strcspn(ints, ",") + (strchr(ints, ',') != NULL))
        c->ints[k] = strtoll(ints, NULL, 10);
    for (int k = 0; reals && *reals && k < TFX_MAX_REALS;
         k++, reals += strcspn(reals, ",") + (strchr(reals, ',') != NULL))
        c->reals[k] = strtod(reals, NULL);
    return 1;
}

tfx_status tfx_op_case_infer(const tfx_op_class *cls, tfx_op_case *c, tfx_error *err)
{
    const tfx_tensor *in[TFX_CASE_OPERANDS] = {NULL}; /* so that what reads one too many is seen */
    for (uint32_t i = 0; i < c->n_in; i++)
        in[i] = &c->in[i];
    c->n_out = tfx_op_n_results(cls);
    return tfx_call_op_infer(cls, c->n_in, in, c->ints, c->reals, c->out, err);
}

tfx_status tfx_op_case_flops(const tfx_op_class *cls, const tfx_op_case *c, tfx_error *err)
{
    const tfx_tensor *in[TFX_CASE_OPERANDS] = {NULL};
    for (uint32_t i = 0; i < c->n_in; i++)
        in[i] = &c->in[i];
    tfx_call_op_flops(cls, c->n_in, in, c->ints, c->reals, err);
    return err->status;
}

uint64_t tfx_op_case_elements(const tfx_op_case *c)
{
    uint64_t n = 0;
    for (uint32_t k = 0; k < c->n_out; k++)
        n += tfx_shape_elements(c->out[k].n_dims, c->out[k].dims);
    return n;
}

static int is_small(const tfx_op_case *c)
{
    uint64_t n = tfx_op_case_elements(c);
    for (uint32_t i = 0; i < c->n_in; i++)
        n += tfx_shape_elements(c->in[i].n_dims, c->in[i].dims);
    return n < 1 << 20;
}

uint32_t tfx_op_cases_find(const tfx_subject *s, tfx_op_case cases[TFX_MOST_OP_CASES])
{
    const tfx_op_class *cls = s->impl;
    int given = set_value(s, "in") != NULL, attributes_given = set_value(s, "ints") || set_value(s, "reals");
    uint32_t n = 0, per = attributes_given ? 1 : N_ATTRIBUTES, end = given ? per : N_PLAIN * per;
    for (uint32_t i = 0; i < end && n < TFX_MOST_OP_CASES; i++) {
        tfx_op_case c;
        tfx_error err = {0};
        if (!tfx_op_case_try(s, i, &c))
            break;
        int plain = 1;
        for (uint32_t k = 0; k < c.n_in; k++)
            plain &= c.in[k].dtype != TFX_BF16;
        if (!plain || (!attributes_given && i % per > LAST_PLAIN) || tfx_op_case_infer(cls, &c, &err) != TFX_OK ||
            !is_small(&c))
            continue;
        cases[n++] = c;
        if (n > ATTRIBUTES_TRIED) /* of the first shape with several attributes, of the others with one */
            i += per - 1 - i % per;
    }
    return n;
}

const char *tfx_op_case_text(const tfx_op_case *c, char *buf)
{
    size_t n = 0;
    char shape[TFX_SHAPE_TEXT];
    for (uint32_t i = 0; i < c->n_in && n < 400; i++)
        n += (size_t)snprintf(buf + n, 600 - n, "%s%s%s", i ? ", " : "",
                              tfx_format_shape(shape, c->in[i].n_dims, c->in[i].dims),
                              c->in[i].dtype == TFX_F32   ? ""
                              : c->in[i].dtype == TFX_I32 ? " of i32"
                                                          : " of bf16");
    snprintf(buf + n, 600 - n, "%s with ints of %lld and reals of %g", c->n_in ? "" : "no operands",
             (long long)c->ints[0], c->reals[0]);
    return buf;
}

int tfx_op_case_build(const tfx_op_class *cls, const tfx_op_case *c, tfx_bench *b, int kernel, int gradient,
                      tfx_value x[TFX_CASE_OPERANDS], tfx_value y[TFX_MAX_OP_RESULTS])
{
    tfx_builder builder;
    for (uint32_t i = 0; i < c->n_in; i++) {
        char name[32];
        snprintf(name, sizeof(name), "operand %u", i);
        int param = gradient && c->in[i].dtype == TFX_F32;
        x[i] = tfx_bench_tensor(b, param ? TFX_STATE_PARAM : TFX_STATE_INPUT, name, c->in[i].dtype, c->in[i].n_dims,
                                c->in[i].dims);
    }
    if (kernel) {
        tfx_emit_custom(&b->g, cls, c->n_in, x, TFX_MAX_INTS, c->ints, TFX_MAX_REALS, c->reals, y);
    } else {
        tfx_builder_for_graph(&builder, &b->g);
        tfx_call_op_lower(cls, &builder, c->n_in, x, c->ints, c->reals, y);
    }
    return b->err->status == TFX_OK && y[0];
}

/* Numbers with all their digits, so that another order of additions shows, and none near zero, where functions have kinks; of
 * size 1, or `size`. */
static void fill(tfx_bench *b, uint32_t tensor, uint64_t seed, double size)
{
    float *x = tfx_bench_data(b, tensor);
    for (uint64_t i = 0; i < b->state.tensors[tensor].elements; i++) {
        double u = (double)(tfx_random_u64(seed, 0x0b, i) >> 11) * 0x1p-53;
        x[i] = (float)(size * (u < 0.5 ? u * 2 * 0.98 - 1 : (u - 0.5) * 2 * 0.98 + 0.02));
    }
}

void tfx_op_case_fill(const tfx_op_case *c, tfx_bench *b, const tfx_value x[TFX_CASE_OPERANDS], double size)
{
    for (uint32_t i = 0; i < c->n_in; i++)
        if (c->in[i].dtype == TFX_I32)
            tfx_bench_fill_tokens(b, tfx_bench_index(b, x[i]), 21 + i, 2);
        else
            fill(b, tfx_bench_index(b, x[i]), 21 + i, size);
}
