/* The CPU backend's elementary functions against the C library in double precision, over
 * their whole range: every exponent, both signs, infinities, NaN and denormals. */
#include "tests/check_main.h"
#include "tests/plugins/program.h"

/* 2^21 floats: every 2048th bit pattern, and a dense stretch around zero. */
enum { PATTERNS = 1 << 21, DENSE = 1 << 18, COUNT = PATTERNS + DENSE };

static void fill(float *x)
{
    for (uint32_t i = 0; i < PATTERNS; i++) {
        uint32_t u = i * 2048 + i % 2048;
        memcpy(&x[i], &u, 4);
    }
    for (int i = 0; i < DENSE; i++)
        x[PATTERNS + i] = (float)(i - DENSE / 2) * (24.0f / DENSE);
}

static double normal(double x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

static double sigmoid(double x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

/* Limits at infinity are taken, where the formulas give 0 * inf. */
static double reference(tfx_unary kind, double x)
{
    const double c = 1.5957691216057307117597842397375;
    switch (kind) {
    case TFX_NEG: return -x;
    case TFX_EXP: return exp(x);
    case TFX_LOG: return log(x);
    case TFX_SQRT: return sqrt(x);
    case TFX_RSQRT: return 1 / sqrt(x);
    case TFX_TANH: return tanh(x);
    case TFX_RELU: return isnan(x) ? x : x > 0 ? x : 0;
    case TFX_SILU: return x < -1e4 ? 0 : x * sigmoid(x);
    case TFX_GELU_ERF: return x < -1e2 ? 0 : x * normal(x);
    case TFX_GELU_TANH: return x < -1e2 ? 0 : x > 1e4 ? x : x * sigmoid(c * (x + 0.044715 * x * x * x));
    default: return NAN;
    }
}

static double derivative(tfx_unary kind, double x)
{
    const double c = 1.5957691216057307117597842397375;
    double s, t;
    switch (kind) {
    case TFX_NEG: return -1;
    case TFX_EXP: return exp(x);
    case TFX_LOG: return 1 / x;
    case TFX_SQRT: return 0.5 / sqrt(x);
    case TFX_RSQRT: return -0.5 / (x * sqrt(x));
    case TFX_TANH: t = cosh(x); return isnan(x) ? x : fabs(x) > 300 ? 0 : 1 / (t * t);
    case TFX_RELU: return x <= 0 ? 0 : 1;
    case TFX_SILU: s = sigmoid(x); return fabs(x) > 1e4 ? x > 0 : s + x * s * (1 - s);
    case TFX_GELU_ERF: return fabs(x) > 1e2 ? x > 0 : normal(x) + x * exp(-x * x / 2) * 0.39894228040143267794;
    case TFX_GELU_TANH:
        if (fabs(x) > 1e2)
            return x > 0;
        s = sigmoid(c * (x + 0.044715 * x * x * x));
        return s + x * s * (1 - s) * c * (1 + 3 * 0.044715 * x * x);
    default: return NAN;
    }
}

/* The distance of `got` from `want` in units of want's last float place, but at least
 * `least`. */
static double ulps(float got, double want, double least)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : INFINITY;
    float w = (float)want;
    if (isinf(w) || isinf(got))
        return w == got ? 0 : fabs(want) > 3.40282e38 && isinf(got) && (got > 0) == (want > 0) ? 0 : INFINITY;
    int e;
    frexp(want, &e);
    double unit = ldexp(1.0, e - 24 < -149 ? -149 : e - 24);
    return fabs((double)got - want) / fmax(unit, least);
}

typedef struct limit {
    tfx_unary kind;
    const char *name;
    double ulps;
} limit;

static const limit functions[] = {
    {TFX_NEG, "neg", 0},           {TFX_EXP, "exp", 2},
    {TFX_LOG, "log", 2},           {TFX_SQRT, "sqrt", 0.5},
    {TFX_RSQRT, "rsqrt", 2},       {TFX_TANH, "tanh", 3},
    {TFX_RELU, "relu", 0},         {TFX_SILU, "silu", 4},
    {TFX_GELU_ERF, "gelu_erf", 7}, {TFX_GELU_TANH, "gelu_tanh", 5},
};
enum { N_FUNCTIONS = sizeof(functions) / sizeof(functions[0]) };

START_TEST(values_over_the_whole_range)
{
    const limit *f = &functions[_i];
    program *g = program_create();
    shape s = SHAPE(COUNT);
    tfx_value x = program_value(g, TFX_F32, s, TFX_BUFFER_STATE), y = result(g, s);
    fill(program_data(g, x));
    ADD_SINGLE(g, TFX_OP_UNARY, 1, 1, x, y)->ints[0] = f->kind;
    program_run(g, 2);
    const float *in = program_data(g, x), *out = program_data(g, y);
    double worst = 0;
    int at = 0;
    for (int i = 0; i < COUNT; i++) {
        /* A function x * gate(x) cannot know its gate better than to a denormal's place. */
        double least = f->kind >= TFX_SILU ? fabs((double)in[i]) * 0x1p-149 : 0;
        double u = ulps(out[i], reference(f->kind, (double)in[i]), least);
        if (u > worst)
            worst = u, at = i;
    }
    ck_assert_msg(worst <= f->ulps,
                  "%s(%.9g) is %.9g, expected %.9g: %.1f units in the last place, at most %.1f allowed", f->name,
                  in[at], out[at], reference(f->kind, in[at]), worst, f->ulps);
    program_destroy(g);
}
END_TEST

/* The derivatives of silu and gelu are sums that cancel where they change their sign: errors
 * are measured against the terms there, which are about 0.3. */
START_TEST(derivatives_over_the_whole_range)
{
    const limit *f = &functions[_i];
    program *g = program_create();
    shape s = SHAPE(COUNT);
    tfx_value x = program_value(g, TFX_F32, s, TFX_BUFFER_STATE), dy = program_value(g, TFX_F32, s, TFX_BUFFER_STATE);
    tfx_value dx = result(g, s);
    fill(program_data(g, x));
    for (int i = 0; i < COUNT; i++)
        ((float *)program_data(g, dy))[i] = i % 2 ? 1.0f : -0.5f;
    ADD_SINGLE(g, TFX_OP_UNARY_GRAD, 2, 1, x, dy, dx)->ints[0] = f->kind;
    program_run(g, 2);
    const float *in = program_data(g, x), *d = program_data(g, dy), *out = program_data(g, dx);
    for (int i = 0; i < COUNT; i++) {
        double want = derivative(f->kind, (double)in[i]) * d[i];
        if (f->kind != TFX_RELU && f->kind != TFX_NEG && isnan(in[i]))
            want = NAN;
        double error = fabs((double)out[i] - want), floor = f->kind >= TFX_SILU ? 0.3 : 0x1p-126;
        int overflow = fabs(want) > 1.7e38; /* the derivative itself, or with dy */
        int ok = isnan(want) ? isnan(out[i]) : (overflow && isinf(out[i])) || error <= 6e-7 * fmax(fabs(want), floor);
        if (!ok) /* not ck_assert_msg, which reports every call to the runner */
            ck_abort_msg("%s'(%.9g) * %g is %.9g, expected %.9g", f->name, in[i], d[i], out[i], want);
    }
    program_destroy(g);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("cpu: elementary functions");
    TCase *c = tcase_create("vmath");
    tcase_set_timeout(c, 60);
    tcase_add_loop_test(c, values_over_the_whole_range, 0, N_FUNCTIONS);
    tcase_add_loop_test(c, derivatives_over_the_whole_range, 0, N_FUNCTIONS);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
