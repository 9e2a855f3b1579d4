/* Event files: see framework/report/tfevents.h. A record is, little-endian: its length in 8 bytes, the masked CRC-32C of
 * those, its bytes, and their masked CRC-32C. */
#include "framework/report/tfevents.h"

#include <string.h>

#include "framework/base/memory.h"

#define FLUSH_AT ((size_t)1 << 16)

uint32_t tfx_crc32c(const void *data, size_t n)
{
    /* Of each value of four bits, by the reflected polynomial 0x82f63b78. */
    static const uint32_t of[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
                                    0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                    0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    const unsigned char *bytes = data;
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ of[crc & 15];
        crc = crc >> 4 ^ of[crc & 15];
    }
    return ~crc;
}

/* A checksum of data that holds checksums would be weak; so says the format's source, leveldb's log format. */
static uint32_t masked_crc(const void *data, size_t n)
{
    uint32_t crc = tfx_crc32c(data, n);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8;
}

/* ---- bytes ---- */

static unsigned char *room(tfx_tfevents *t, size_t n)
{
    if (t->n + n > t->cap) {
        t->cap = 2 * (t->n + n) + FLUSH_AT;
        t->buffer = tfx_realloc(t->buffer, t->cap);
    }
    t->n += n;
    return t->buffer + t->n - n;
}

static void put_fixed(unsigned char *at, uint64_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

/* A protocol buffer as it is put together; long texts are not in ours. */
typedef struct message {
    unsigned char bytes[512];
    size_t n;
} message;

static void put_varint(message *m, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        m->bytes[m->n++] = (unsigned char)(value | 0x80);
    m->bytes[m->n++] = (unsigned char)value;
}

/* How a field is stored is the lowest three bits of its key. */
enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

static void put_key(message *m, unsigned field, unsigned type)
{
    put_varint(m, field << 3 | type);
}

static void put_double(message *m, unsigned field, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_key(m, field, FIXED64);
    put_fixed(m->bytes + m->n, bits, 8);
    m->n += 8;
}

static void put_float(message *m, unsigned field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_key(m, field, FIXED32);
    put_fixed(m->bytes + m->n, bits, 4);
    m->n += 4;
}

static void put_bytes(message *m, unsigned field, const void *bytes, size_t n)
{
    put_key(m, field, BYTES);
    put_varint(m, n);
    memcpy(m->bytes + m->n, bytes, n);
    m->n += n;
}

static tfx_status flush(tfx_tfevents *t, tfx_error *err)
{
    size_t n = t->n;
    t->n = 0;
    return n ? tfx_atomic_file_write(&t->file, t->buffer, n, err) : TFX_OK;
}

static tfx_status put_record(tfx_tfevents *t, const message *m, tfx_error *err)
{
    unsigned char *at = room(t, 8 + 4 + m->n + 4);
    put_fixed(at, m->n, 8);
    put_fixed(at + 8, masked_crc(at, 8), 4);
    memcpy(at + 12, m->bytes, m->n);
    put_fixed(at + 12 + m->n, masked_crc(m->bytes, m->n), 4);
    return t->n >= FLUSH_AT ? flush(t, err) : TFX_OK;
}

/* ---- records ---- */

/* Fields of Event, Summary and Summary.Value. */
enum { EVENT_WALL_TIME = 1, EVENT_STEP = 2, EVENT_FILE_VERSION = 3, EVENT_SUMMARY = 5 };
enum { SUMMARY_VALUE = 1, VALUE_TAG = 1, VALUE_SIMPLE = 2 };

tfx_status tfx_tfevents_begin(tfx_tfevents *t, const char *path, double seconds, tfx_error *err)
{
    static const char version[] = "brain.Event:2";
    message m = {.n = 0};
    if (tfx_atomic_file_begin(&t->file, path, err) != TFX_OK)
        return err->status;
    put_double(&m, EVENT_WALL_TIME, seconds);
    put_bytes(&m, EVENT_FILE_VERSION, version, strlen(version));
    return put_record(t, &m, err);
}

tfx_status tfx_tfevents_add(tfx_tfevents *t, double seconds, int64_t step, const char *tag, double value,
                            tfx_error *err)
{
    message of_value = {.n = 0}, summary = {.n = 0}, event = {.n = 0};
    size_t n_tag = strlen(tag);
    put_bytes(&of_value, VALUE_TAG, tag, n_tag < 256 ? n_tag : 256);
    put_float(&of_value, VALUE_SIMPLE, (float)value);
    put_bytes(&summary, SUMMARY_VALUE, of_value.bytes, of_value.n);
    put_double(&event, EVENT_WALL_TIME, seconds);
    put_key(&event, EVENT_STEP, VARINT);
    put_varint(&event, (uint64_t)step);
    put_bytes(&event, EVENT_SUMMARY, summary.bytes, summary.n);
    return put_record(t, &event, err);
}

tfx_status tfx_tfevents_commit(tfx_tfevents *t, tfx_error *err)
{
    return flush(t, err) == TFX_OK ? tfx_atomic_file_commit(&t->file, err) : err->status;
}

void tfx_tfevents_finish(tfx_tfevents *t)
{
    tfx_atomic_file_finish(&t->file);
    free(t->buffer);
    *t = (tfx_tfevents){0};
}
