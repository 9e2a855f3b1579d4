/* Operands of matrix products, packed into panels that tiles read from front to end: each element is copied once and read once
 * for every tile of the other operand, and neither the caches' sets nor the pages of far-apart rows matter.
 *
 * Elements are 32 bits: f32, or pairs of bf16 that are neighbours along the sum. */
#include "simd.h"

#include "gemm_tiles.h"
#include "kernels.h"
#include "turn.h"

#include <string.h>

/* The last steps of a panel, four at most. */
static void turn_tail(const char *x, int64_t pitch, int64_t lines, int64_t steps, int64_t width, uint32_t *out)
{
    for (int64_t l = 0; l < steps; l++)
        for (int64_t i = 0; i < lines; i++)
            memcpy(out + l * width + i, x + i * pitch + l * 4, 4);
}

/* Steps that are turned together: of each line as many as a line of the cache has, for lines that lie a power of 2
 * apart push each other out of the cache before they are read again. What is AHEAD bytes on is asked for meanwhile. */
enum { TURN_STEPS = 16, AHEAD = 256 };

/* A panel of lines whose steps lie side by side, `pitch` bytes from line to line. Lines are taken by fours; the last
 * four may be fewer, and then write into the next step's first lines, which therefore come after, and not where the
 * panel would end: the next one may be another thread's. */
static void turn_panel(const char *x, int64_t pitch, int64_t lines, int64_t steps, int64_t width, uint32_t *out)
{
    int64_t some = (lines - 1) / 4 * 4, room = (steps * width - some - 4) / width + 1;
    int64_t by_fours = tfx_cpu_min(steps, room) / 4 * 4;
    for (int64_t l = 0; l < by_fours; l += TURN_STEPS) {
        int64_t end = tfx_cpu_min(by_fours, l + TURN_STEPS);
        for (int64_t i = some; i >= 0; i -= 4) {
            const char *z = x + i * pitch + l * 4;
            int64_t last = lines - 1 - i, second = tfx_cpu_min(1, last) * pitch, third = tfx_cpu_min(2, last) * pitch,
                    fourth = tfx_cpu_min(3, last) * pitch;
            __builtin_prefetch(z + AHEAD);
            __builtin_prefetch(z + second + AHEAD);
            __builtin_prefetch(z + third + AHEAD);
            __builtin_prefetch(z + fourth + AHEAD);
            for (int64_t k = l; k < end; k += 4, z += 16)
                tfx_cpu_turn((const char *[]){z, z + second, z + third, z + fourth}, out + k * width + i, width);
        }
    }
    turn_tail(x + by_fours * 4, pitch, lines, steps - by_fours, width, out + by_fours * width);
}

/* Sets columns [from, width) of a panel to zero. */
static void clear_columns(int64_t from, int64_t steps, int64_t width, uint32_t *out)
{
    for (int64_t l = 0; from < width && l < steps; l++)
        memset(out + l * width + from, 0, (size_t)(width - from) * 4);
}

/* A panel of lines that lie side by side is `steps` short copies, by fours, the last of which may be fewer: they
 * then read neighbours, and write into the next step's first lines, which come after. So many steps can be copied that way without
 * going beyond the panel; the others are copied one by one. */
static int64_t steps_by_fours(int64_t steps, int64_t width)
{
    int64_t beyond = (4 - width % 4) % 4;
    return tfx_cpu_max(0, steps - tfx_cpu_div_up(beyond, width));
}

/* The widths of tiles are known to the compiler. */
#define BY_WIDTH(copy) \
    switch (width) { \
    case 6: copy(6) break; \
    case 12: copy(12) break; \
    case 16: copy(16) break; \
    case 32: copy(32) break; \
    default: copy(width) \
    }

/* Steps are short and far apart, which processors do not foresee: so many on, they are asked for. */
enum { STEPS_AHEAD = 8 };

TFX_CPU_INLINE void copy_steps(const float *x, int64_t ld, int64_t steps, int64_t width, uint32_t *out)
{
    for (int64_t l = 0; l < steps; l++) {
        for (int64_t i = 0; i < width; i += 16)
            __builtin_prefetch(x + (l + STEPS_AHEAD) * ld + i);
        for (int64_t i = 0; i < width; i += 4)
            tfx_cpu_store_quad(out + l * width + i, tfx_cpu_load_quad(x + l * ld + i));
    }
}

static void copy_panel(const float *x, int64_t ld, int64_t lines, int64_t steps, int64_t width, uint32_t *out)
{
    int64_t l = 0;
    if (lines == width) {
        l = steps_by_fours(steps, width);
#define COPY(w) copy_steps(x, ld, l, w, out);
        BY_WIDTH(COPY)
    }
    for (; l < steps; l++)
        memcpy(out + l * width, x + l * ld, (size_t)lines * 4);
}

void tfx_cpu_pack_f32(const float *x, int64_t ld, int across, int64_t lines, int64_t depth, int64_t width, int pad,
                      uint32_t *out)
{
    for (int64_t i = 0; i < lines; i += width) {
        int64_t n = tfx_cpu_min(width, lines - i), w = pad ? width : n;
        if (across)
            copy_panel(x + i, ld, n, depth, w, out);
        else
            turn_panel((const char *)(x + i * ld), ld * 4, n, depth, w, out);
        clear_columns(n, depth, w, out);
        out += depth * w;
    }
}

/* Four pairs, of four neighbours each. */
TFX_CPU_INLINE tfx_cpu_quad interleave(const uint16_t *first, const uint16_t *second)
{
    typedef uint16_t four __attribute__((vector_size(8)));
    four x, y;
    memcpy(&x, first, sizeof(x));
    memcpy(&y, second, sizeof(y));
    return (tfx_cpu_quad)__builtin_shufflevector(x, y, 0, 4, 1, 5, 2, 6, 3, 7);
}

TFX_CPU_INLINE void interleave_steps(const uint16_t *x, int64_t ld, int64_t steps, int64_t width, uint32_t *out)
{
    for (int64_t l = 0; l < steps; l++) {
        for (int64_t i = 0; i < width; i += 32) {
            __builtin_prefetch(x + (2 * l + STEPS_AHEAD) * ld + i);
            __builtin_prefetch(x + (2 * l + 1 + STEPS_AHEAD) * ld + i);
        }
        for (int64_t i = 0; i < width; i += 4)
            tfx_cpu_store_quad(out + l * width + i, interleave(x + 2 * l * ld + i, x + (2 * l + 1) * ld + i));
    }
}

static void interleave_panel(const uint16_t *x, int64_t ld, int64_t lines, int64_t depth, int64_t width, uint32_t *out)
{
    int64_t steps = (depth + 1) / 2, l = 0;
    if (lines == width) {
        l = steps_by_fours(depth / 2, width);
#define INTERLEAVE(w) interleave_steps(x, ld, l, w, out);
        BY_WIDTH(INTERLEAVE)
    }
    for (; l < steps; l++)
        for (int64_t i = 0; i < lines; i++)
            out[l * width + i] = (uint32_t)x[2 * l * ld + i] |
                                 (2 * l + 1 < depth ? (uint32_t)x[(2 * l + 1) * ld + i] << 16 : 0);
}

void tfx_cpu_pack_pairs(const uint16_t *x, int64_t ld, int across, int64_t lines, int64_t depth, int64_t width, int pad,
                        uint32_t *out)
{
    int64_t steps = (depth + 1) / 2;
    for (int64_t i = 0; i < lines; i += width) {
        int64_t n = tfx_cpu_min(width, lines - i), w = pad ? width : n;
        if (across) {
            interleave_panel(x + i, ld, n, depth, w, out);
        } else {
            turn_panel((const char *)(x + i * ld), ld * 2, n, depth / 2, w, out);
            for (int64_t j = 0; depth % 2 && j < n; j++)
                out[depth / 2 * w + j] = x[(i + j) * ld + depth - 1];
        }
        clear_columns(n, steps, w, out);
        out += steps * w;
    }
}

TFX_CPU_CLONES void tfx_cpu_widen_pairs(int64_t n, int64_t width, const uint32_t *pairs, uint32_t *out)
{
    for (int64_t l = 0; l < n; l++)
        for (int64_t i = 0; i < width; i++) {
            out[2 * l * width + i] = pairs[l * width + i] & 0xffff0000u;
            out[(2 * l + 1) * width + i] = pairs[l * width + i] << 16;
        }
}
