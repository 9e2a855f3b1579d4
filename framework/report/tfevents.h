/* Event files of TensorBoard: records of the protocol buffer `Event` (tensorflow/core/util/event.proto), each framed by its
 * length and checksums. One file holds the numbers of one run, and appears whole or not at all. */
#ifndef TFX_REPORT_TFEVENTS_H
#define TFX_REPORT_TFEVENTS_H

#include <stdint.h>

#include "framework/checkpoint/atomic_file.h"

/* Zero-initialise. */
typedef struct tfx_tfevents {
    tfx_atomic_file file;
    unsigned char *buffer; /* not written yet */
    size_t n, cap;
} tfx_tfevents;

/* `seconds`: of the first record, since 1970. */
tfx_status tfx_tfevents_begin(tfx_tfevents *t, const char *path, double seconds, tfx_error *err);
/* One number; it is stored with 32 bits, as TensorBoard has them. */
tfx_status tfx_tfevents_add(tfx_tfevents *t, double seconds, int64_t step, const char *tag, double value,
                            tfx_error *err);
tfx_status tfx_tfevents_commit(tfx_tfevents *t, tfx_error *err);
/* Removes what was not committed. Always call it. */
void tfx_tfevents_finish(tfx_tfevents *t);

/* CRC-32C (Castagnoli), RFC 3720, appendix B.4. */
uint32_t tfx_crc32c(const void *data, size_t n);

#endif
