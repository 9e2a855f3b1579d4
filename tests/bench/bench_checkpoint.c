/* How long a training step waits for a checkpoint, and how long it takes until that is on disk.
 *
 *   build/tests/bench/bench-checkpoint [FOLDER] [millions of parameters]
 *
 * Writes checkpoints of a model with AdamW's moments (default: 124 million parameters, 1.5 GB, in the current folder), and in turns as
 * many bytes as `dd conv=fsync` would. Prints the median of each and removes what it wrote. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/clock.h"
#include "framework/base/memory.h"
#include "framework/checkpoint/checkpoint.h"
#include "framework/checkpoint/files.h"
#include "tests/bench/median.h"

enum { ROUNDS = 5, PIECE = 4 << 20 };

static char *memory; /* of one tensor, which stands for all three */

static void io_read(void *ctx, const tfx_state_tensor *t, uint64_t first, void *dst, size_t n)
{
    (void)ctx, (void)t;
    memcpy(dst, memory + first, n);
}

/* What dd does. */
static double write_plainly(const char *path, uint64_t bytes)
{
    double start = tfx_now();
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    for (uint64_t at = 0; fd >= 0 && at < bytes; at += PIECE)
        if (write(fd, memory + at % (bytes / 3 / PIECE * PIECE), PIECE) != PIECE)
            break;
    if (fd < 0 || fsync(fd) || close(fd)) {
        perror(path);
        exit(1);
    }
    double seconds = tfx_now() - start;
    unlink(path);
    return seconds;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : ".";
    uint64_t n = (uint64_t)((argc > 2 ? atof(argv[2]) : 124) * 1e6), bytes = n * 4;
    double stall[ROUNDS], all[ROUNDS], plain[ROUNDS];
    if (n < 1000000) {
        fprintf(stderr, "usage: bench-checkpoint [FOLDER] [millions of parameters]\n");
        return 2;
    }
    memory = tfx_alloc(bytes);
    for (uint64_t i = 0; i < n; i++)
        ((float *)(void *)memory)[i] = (float)(i * 2654435761u % 1000003) * 1e-6f;
    tfx_state_tensor tensors[3] = {{.name = "weight", .kind = TFX_STATE_PARAM},
                                   {.name = "weight/m", .kind = TFX_STATE_OPTIMIZER},
                                   {.name = "weight/v", .kind = TFX_STATE_OPTIMIZER}};
    for (int i = 0; i < 3; i++) {
        tensors[i].dtype = TFX_F32;
        tensors[i].n_dims = 1;
        tensors[i].dims[0] = (int64_t)n;
        tensors[i].elements = n;
        tensors[i].bytes = bytes;
    }
    tfx_state_layout layout = {.tensors = tensors, .n = 3};
    tfx_state_io io = {NULL, io_read, NULL};
    tfx_checkpoint_record record = {.setting = {.model = (char *)"model"}};
    char *path = tfx_printf("%s/bench-checkpoint-%ld", folder, (long)getpid()), *file = tfx_printf("%s.dd", path);
    for (int r = 0; r < ROUNDS; r++) {
        tfx_error err = {0};
        tfx_checkpoint_written written;
        plain[r] = write_plainly(file, 3 * bytes);
        double start = tfx_now();
        tfx_checkpoint_writing *w = tfx_checkpoint_begin(path, "model", &layout, &io, &record, 0, &written, &err);
        stall[r] = tfx_now() - start;
        if (!w || tfx_checkpoint_end(w, &err) != TFX_OK ||
            (all[r] = tfx_now() - start, tfx_remove_dir(path, &err)) != TFX_OK) {
            fprintf(stderr, "bench-checkpoint: %s\n", err.text);
            return 1;
        }
    }
    double gb = 3e-9 * (double)bytes, waits = median(stall, ROUNDS), durable = median(all, ROUNDS),
           dd = median(plain, ROUNDS);
    printf("%.2f GB: a step waits %.2f s (%.2f GB/s); on disk after %.2f s (%.2f GB/s), %.0f%% of what dd conv=fsync "
           "gets\n",
           gb, waits, gb / waits, durable, gb / durable, 100 * dd / durable);
    free(memory);
    free(path);
    free(file);
    return 0;
}
