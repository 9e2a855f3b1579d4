/* Caught by: surroundings. Loading it makes the processor take tiny numbers for zero, as -Ofast does. */
#define OP_NAME "op_flush"
#include "tests/conformance/one_op.h"

#if defined(__x86_64__)
__attribute__((constructor)) static void flush(void)
{
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040u);
}
#elif defined(__aarch64__)
__attribute__((constructor)) static void flush(void)
{
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)1 << 24));
}
#endif
