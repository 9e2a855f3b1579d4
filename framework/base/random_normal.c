/* Normal deviates by Box and Muller (1958), from doubles of 53 random bits: index 2k has the cosine, 2k + 1 the sine.
 *
 * What they are is defined by the C library's logarithm, sine and cosine of doubles, rounded to f32 at the end. Computed one by one
 * that takes longer than anything else at the start of a run. So most of them come from loops that compilers vectorise: polynomials
 * with errors far below what f32 can hold. Where rounding could go either way for all that they say, the C library is asked. */
#include <math.h>
#include <string.h>

#include "framework/base/philox.h"
#include "framework/base/random.h"

/* Once per level of x86-64; nothing is contracted (-std=c11), so all give the same. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

#define TURN 6.283185307179586476925 /* 2 pi */

enum { PAIRS = 32 }; /* at a time */

/* ---- one pair, as defined ---- */

static void uniforms(const uint32_t r[4], double *u1, double *u2)
{
    /* u1 in (0, 1], so that the logarithm is finite. */
    *u1 = ((double)((((uint64_t)r[1] << 32 | r[0]) >> 11) + 1)) * 0x1p-53;
    *u2 = (double)(((uint64_t)r[3] << 32 | r[2]) >> 11) * 0x1p-53;
}

static void exact_pair(uint64_t seed, uint64_t stream, uint64_t pair, double mean, double std, float out[2])
{
    uint32_t r[4];
    double u1, u2;
    tfx_random_block(seed, stream, pair, r);
    uniforms(r, &u1, &u2);
    double radius = std * sqrt(-2.0 * log(u1)), angle = TURN * u2;
    out[0] = (float)(mean + radius * cos(angle));
    out[1] = (float)(mean + radius * sin(angle));
}

/* ---- many ---- */

static inline __attribute__((always_inline)) double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof(x));
    return x;
}

static inline __attribute__((always_inline)) uint64_t to_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

/* The logarithm of x in (0, 1], to within some units of its last place. x = m 2^e with m from sqrt(1/2) to sqrt(2), and
 * log m = 2 atanh((m - 1) / (m + 1)), by its series. */
static inline __attribute__((always_inline)) double fast_log(double x)
{
    uint64_t bits = to_bits(x) - 0x3fe6a09e667f3bcdu;
    /* The exponent as a double, by the trick of adding 1.5 * 2^52. */
    double e = from_bits(0x4338000000000000u + (uint64_t)((int64_t)bits >> 52)) - 0x1.8p52;
    double m = from_bits((bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
    double f = m - 1.0, s = f / (2.0 + f), z = s * s, p = 1.0 / 25;
    p = p * z + 1.0 / 23;
    p = p * z + 1.0 / 21;
    p = p * z + 1.0 / 19;
    p = p * z + 1.0 / 17;
    p = p * z + 1.0 / 15;
    p = p * z + 1.0 / 13;
    p = p * z + 1.0 / 11;
    p = p * z + 1.0 / 9;
    p = p * z + 1.0 / 7;
    p = p * z + 1.0 / 5;
    p = p * z + 1.0 / 3;
    return e * 0x1.62e42fefa39efp-1 + (2.0 * s + 2.0 * s * z * p);
}

/* Sine and cosine of x in [0, 2 pi], to within 1e-15: of what is left of x after whole quarter turns, by their series. */
static inline __attribute__((always_inline)) void fast_sincos(double x, double *sine, double *cosine)
{
    double t = x * (4.0 / TURN) + 0x1.8p52, k = t - 0x1.8p52;
    double r = x - k * 0x1.921fb54442d18p0 - k * 0x1.1a62633145c07p-54, z = r * r;
    double s = 1.0 / 355687428096000.0, c = 1.0 / 20922789888000.0;
    s = s * z - 1.0 / 1307674368000.0;
    s = s * z + 1.0 / 6227020800.0;
    s = s * z - 1.0 / 39916800.0;
    s = s * z + 1.0 / 362880.0;
    s = s * z - 1.0 / 5040.0;
    s = s * z + 1.0 / 120.0;
    s = s * z - 1.0 / 6.0;
    s = r + r * z * s;
    c = c * z - 1.0 / 87178291200.0;
    c = c * z + 1.0 / 479001600.0;
    c = c * z - 1.0 / 3628800.0;
    c = c * z + 1.0 / 40320.0;
    c = c * z - 1.0 / 720.0;
    c = c * z + 1.0 / 24.0;
    c = c * z - 0.5;
    c = 1.0 + z * c;
    uint64_t quarter = to_bits(t);
    double of_sine = quarter & 1 ? c : s, of_cosine = quarter & 1 ? s : c;
    *sine = quarter & 2 ? -of_sine : of_sine;
    *cosine = (quarter + 1) & 2 ? -of_cosine : of_cosine;
}

/* Blocks first .. first + PAIRS - 1 of Philox; the index does not pass 2^32 on the way. */
static inline __attribute__((always_inline)) void many_blocks(uint64_t seed, uint64_t stream, uint64_t first,
                                                              uint32_t out[4][PAIRS])
{
    for (uint32_t i = 0; i < PAIRS; i++) {
        uint32_t r[4];
        tfx_philox(seed, stream, (uint32_t)first + i, (uint32_t)(first >> 32), r);
        out[0][i] = r[0], out[1][i] = r[1], out[2][i] = r[2], out[3][i] = r[3];
    }
}

/* Of 53 bits, exact. */
static inline __attribute__((always_inline)) double whole(uint32_t high, uint32_t low)
{
    double h = (double)(int32_t)(high ^ 0x80000000u) + 0x1p31;
    return h * 0x1p21 + (double)(int32_t)(low >> 11);
}

/* `doubtful` is not 0 where the C library must be asked. */
CLONES static void many_pairs(uint64_t seed, uint64_t stream, uint64_t first, double mean, double std,
                              float out[2][PAIRS], int32_t doubtful[PAIRS])
{
    uint32_t r[4][PAIRS];
    many_blocks(seed, stream, first, r);
    for (int i = 0; i < PAIRS; i++) {
        double u1 = (whole(r[1][i], r[0][i]) + 1.0) * 0x1p-53, u2 = whole(r[3][i], r[2][i]) * 0x1p-53, sine, cosine;
        double radius = std * sqrt(-2.0 * fast_log(u1));
        fast_sincos(TURN * u2, &sine, &cosine);
        double x = mean + radius * cosine, y = mean + radius * sine;
        /* What x and y may be off, many times over. */
        double off = radius * 0x1p-46 + fabs(mean) * 0x1p-50;
        float x0 = (float)(x - off), x1 = (float)(x + off), y0 = (float)(y - off), y1 = (float)(y + off);
        out[0][i] = x1;
        out[1][i] = y1;
        doubtful[i] = (x0 != x1) | (y0 != y1);
    }
}

void tfx_random_normal(uint64_t seed, uint64_t stream, uint64_t first, size_t n, double mean, double std, float *out)
{
    for (size_t i = 0; i < n;) {
        uint64_t index = first + i, pair = index / 2;
        float two[2], many[2][PAIRS];
        int32_t doubtful[PAIRS];
        if (index % 2 == 0 && n - i >= 2 * PAIRS && (uint32_t)pair <= UINT32_MAX - PAIRS) {
            many_pairs(seed, stream, pair, mean, std, many, doubtful);
            for (uint32_t k = 0; k < PAIRS; k++) {
                out[i + 2 * k] = many[0][k];
                out[i + 2 * k + 1] = many[1][k];
                if (doubtful[k])
                    exact_pair(seed, stream, pair + k, mean, std, &out[i + 2 * k]);
            }
            i += 2 * PAIRS;
            continue;
        }
        exact_pair(seed, stream, pair, mean, std, two);
        out[i++] = two[index % 2];
    }
}
