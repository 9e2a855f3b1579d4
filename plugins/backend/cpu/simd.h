/* Loops that compilers vectorise, once per instruction set.
 *
 * Hot functions are marked TFX_CPU_CLONES: the compiler emits one version per x86-64 level
 * and the loader picks the one that fits the processor, so that a single plugin file is fast
 * on a machine with AVX-512 and still starts on one without. Elsewhere, and with compilers
 * that cannot do this, the marker is empty and the loops are compiled for the base machine;
 * so they are for ThreadSanitizer, whose start-up comes after the loader's picking.
 *
 * Contraction of a*b+c into one fused operation is what -std=c11 turns off and what these
 * loops want; nothing else about IEEE arithmetic is relaxed. Include this header before
 * anything that defines an inline function used in a cloned one.
 */
#ifndef TFX_CPU_SIMD_H
#define TFX_CPU_SIMD_H

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("fp-contract=fast")
#endif

#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12 && !defined(__SANITIZE_THREAD__)
#define TFX_CPU_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define TFX_CPU_CLONES
#endif

#define TFX_CPU_INLINE static inline __attribute__((always_inline))

/* Says that iterations of the next loop do not depend on each other although its pointers
 * may be equal (element i is read before element i is written). */
#if defined(__clang__)
#define TFX_CPU_IVDEP _Pragma("clang loop vectorize(assume_safety)")
#else
#define TFX_CPU_IVDEP _Pragma("GCC ivdep")
#endif

/* Number of independent accumulators in a reduction: several vectors of the widest kind, so
 * that additions overlap. The order of additions is the same on every machine. */
#define TFX_CPU_LANES 32

/* double sum = the sum over k = 0 .. n-1 of term, an expression of k, in accumulators of `type`. */
#define TFX_CPU_SUM(sum, type, k, n, term) \
    type acc_[TFX_CPU_LANES] = {0}; \
    int64_t from_ = 0; \
    for (; from_ + TFX_CPU_LANES <= n; from_ += TFX_CPU_LANES) \
        for (int j_ = 0; j_ < TFX_CPU_LANES; j_++) { \
            int64_t k = from_ + j_; \
            acc_[j_] += (term); \
        } \
    double sum = 0.0; \
    for (int64_t k = from_; k < n; k++) \
        sum += (double)(term); \
    for (int j_ = 0; j_ < TFX_CPU_LANES; j_++) \
        sum += (double)acc_[j_];

#endif
