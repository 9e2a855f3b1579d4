/* GOT: counts the mappings of one shared object, and makes the memory functions that it calls fail and its
 * clocks jump, and no one else's.
 *
 * What a shared object takes from others it reaches through addresses that the dynamic linker has filled in, in its global
 * offset table. Those of malloc and its kin, and of what tells the time, are replaced by ours. */
#ifndef TFX_CONFORMANCE_GOT_H
#define TFX_CONFORMANCE_GOT_H

/* The object that holds `address`. Returns how many places were replaced: 0 when it takes no memory by itself. */
unsigned tfx_got_intercept(const void *address);

/* From now on the n-th call fails (counted from 1), and the ones before and after do not; 0: none does. */
void tfx_got_fail(unsigned n);
/* Whether that has happened since, and what function it was. */
const char *tfx_got_failed(void);

/* From now on clocks go on by an hour whenever the object asks for the time. */
void tfx_got_jump_clocks(void);

/* How many mappings it has made and not removed. */
long tfx_got_mappings(void);

#endif
