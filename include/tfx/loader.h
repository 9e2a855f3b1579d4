/* tfx plugin ABI: data loaders.
 *
 * A loader turns files into batches of token rows. One instance serves one split. The
 * host runs next_batch on a prefetch thread and remembers the position before each batch,
 * so that a resumed run sees exactly the batches it would have seen.
 */
#ifndef TFX_LOADER_H
#define TFX_LOADER_H

#include "host.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tfx_split { TFX_SPLIT_TRAIN = 1, TFX_SPLIT_VAL = 2 } tfx_split;

/* What a loader is opened with. */
typedef struct tfx_loader_config {
    size_t struct_size;
    const tfx_options *options;
    tfx_split split;
    int64_t batch;   /* rows per batch */
    int64_t context; /* tokens per row */
    uint64_t seed;   /* decides the order of training batches; VAL ignores it */
} tfx_loader_config;

/* What a loader says of its data. */
typedef struct tfx_loader_info {
    size_t struct_size;
    int64_t n_tokens;       /* tokens in this split; -1: unlimited */
    int64_t vocab;          /* every token is in [0, vocab) */
    double bytes_per_token; /* of the original text; 0: not known */
} tfx_loader_info;

/* Position in the stream of batches: the number of batches given out so far decides it
 * for most loaders; `extra` is free for those that need more. */
typedef struct tfx_loader_position {
    size_t struct_size;
    uint64_t batch_index;
    uint64_t extra[4];
} tfx_loader_position;

typedef struct tfx_loader tfx_loader; /* an instance; the plugin's own type */

/* Class flags. */
enum {
    TFX_LOADER_BYTES = 1u << 0 /* every token is one byte of text: prompts and samples are text */
};

typedef struct tfx_loader_class {
    size_t struct_size;
    const char *name;
    const char *summary;
    const tfx_option *options;
    size_t n_options;

    /* [main] Opens one split; the instance goes to *out. Checks its files here, with a
     * message that names file, offset, expected and found. */
    tfx_status (*open)(const tfx_host *host, const tfx_loader_config *config, tfx_loader **out);
    /* [main] */
    void (*close)(tfx_loader *l);
    /* [main] Fills *out (struct_size already set). */
    void (*info)(const tfx_loader *l, tfx_loader_info *out);
    /* [loader] for a TRAIN split, [main] for a VAL split, and so are the next two; one call at a time.
     *
     * Writes inputs and targets, each batch x context row-major; targets are the
     * inputs shifted by one token, and both lie in [0, vocab). A VAL split gives the same batches in the same order
     * from position 0 on; a TRAIN split never ends. The host opens VAL splits with batch 1, and takes at most
     * (n_tokens - 1) / context rows: what comes after them may begin again. */
    tfx_status (*next_batch)(tfx_loader *l, int32_t *inputs, int32_t *targets);
    /* [loader] or [main]. The position before the next batch. */
    void (*tell)(const tfx_loader *l, tfx_loader_position *out);
    /* [loader] or [main]. Continues at a position that tell gave, in this process or an earlier one
     * with the same files and configuration. */
    tfx_status (*seek)(tfx_loader *l, const tfx_loader_position *pos);
    uint32_t flags; /* TFX_LOADER_* */
} tfx_loader_class;

#ifdef __cplusplus
}
#endif
#endif
