/* Memory: buffers of huge pages, and how much the machine has.
 *
 * Fresh memory is the largest hidden cost of a training step (its page faults took PyTorch
 * 40% of a GPT-2 step here), so buffers are mapped once, asked to be huge pages, and touched
 * once, by all threads, when they are created. */
#include "kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE ((uint64_t)2 << 20)
#define TOUCH_CHUNK ((uint64_t)8 << 20)

/* ---- how much there is ---- */

/* A limit file of a cgroup: its number, or UINT64_MAX for none. */
static uint64_t read_limit(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return UINT64_MAX;
    unsigned long long v;
    int got = fscanf(f, "%llu", &v); /* fails on "max" */
    fclose(f);
    return got == 1 ? v : UINT64_MAX;
}

/* The smallest limit from the group `path` up to the root of the hierarchy at `mount`. */
static uint64_t cgroup_limit(const char *mount, char *path, const char *file)
{
    uint64_t limit = UINT64_MAX;
    for (;;) {
        char name[4400];
        snprintf(name, sizeof(name), "%s%s/%s", mount, path, file);
        uint64_t v = read_limit(name);
        if (v < limit)
            limit = v;
        char *slash = strrchr(path, '/');
        if (!slash)
            return limit;
        *slash = '\0';
    }
}

uint64_t tfx_cpu_memory(void)
{
    uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    FILE *f = fopen("/proc/self/cgroup", "r");
    if (!f)
        return bytes;
    char line[4200];
    while (fgets(line, sizeof(line), f)) {
        /* "0::/path" in version 2; "4:memory:/path" in version 1. */
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        uint64_t limit = UINT64_MAX;
        if (controllers[1] == '\0')
            limit = cgroup_limit("/sys/fs/cgroup", path, "memory.max");
        else if (strcmp(controllers + 1, "memory") == 0)
            limit = cgroup_limit("/sys/fs/cgroup/memory", path, "memory.limit_in_bytes");
        if (limit < bytes)
            bytes = limit;
    }
    fclose(f);
    return bytes;
}

/* What can be touched now. */
static uint64_t memory_available(void)
{
    uint64_t limit = tfx_cpu_memory();
    FILE *f = fopen("/proc/meminfo", "r");
    if (!f)
        return limit;
    char line[256];
    unsigned long long kb;
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "MemAvailable: %llu kB", &kb) == 1 && kb * 1024 < limit)
            limit = kb * 1024;
    fclose(f);
    return limit;
}

/* ---- mapping ---- */

char *tfx_cpu_map(uint64_t bytes, uint64_t *mapped)
{
    uint64_t align = bytes >= HUGE_PAGE ? HUGE_PAGE : 4096;
    uint64_t size = tfx_cpu_round_up(bytes ? bytes : 1, align);
    char *raw = mmap(NULL, size + align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    /* Give back what sticks out of the aligned part. */
    char *data = (char *)tfx_cpu_round_up((uintptr_t)raw, align);
    uint64_t head = (uint64_t)(data - raw), tail = align - head;
    if (head)
        munmap(raw, head);
    if (tail)
        munmap(data + size, tail);
    if (size >= HUGE_PAGE)
        (void)madvise(data, size, MADV_HUGEPAGE); /* without huge pages it is slower, not wrong */
    *mapped = size;
    return data;
}

void tfx_cpu_unmap(char *data, uint64_t mapped)
{
    if (data)
        munmap(data, mapped);
}

typedef struct touch_job {
    char *data;
    uint64_t bytes;
} touch_job;

static void touch_task(void *arg, int64_t task, int worker)
{
    touch_job *j = arg;
    (void)worker;
    uint64_t from = (uint64_t)task * TOUCH_CHUNK;
    uint64_t to = from + TOUCH_CHUNK < j->bytes ? from + TOUCH_CHUNK : j->bytes;
    /* One write per page makes the kernel provide it, zero-filled. */
    for (uint64_t i = from; i < to; i += 4096)
        *(volatile char *)(j->data + i) = 0;
}

void tfx_cpu_touch(tfx_cpu_pool *pool, char *data, uint64_t bytes)
{
    touch_job job = {data, bytes};
    tfx_cpu_pool_run(pool, (int64_t)((bytes + TOUCH_CHUNK - 1) / TOUCH_CHUNK), touch_task, &job);
}

/* ---- buffers ---- */

tfx_status tfx_cpu_buffer_create(tfx_backend *b, uint64_t bytes, tfx_buffer **out)
{
    /* Mapping succeeds for more than there is, and touching it then gets the process killed:
     * compare first. */
    uint64_t available = memory_available();
    if (bytes > available)
        return b->host->fail(b->host, TFX_E_MEMORY,
                             "cpu: a buffer of %.2f GB does not fit: %.2f GB of memory are available (%.2f GB in all)",
                             (double)bytes * 1e-9, (double)available * 1e-9, (double)b->memory * 1e-9);
    tfx_buffer *buf = calloc(1, sizeof(*buf));
    if (buf)
        buf->data = tfx_cpu_map(bytes, &buf->mapped);
    if (!buf || !buf->data) {
        free(buf);
        return b->host->fail(b->host, TFX_E_MEMORY, "cpu: the system refused a buffer of %.2f GB (%.2f GB available)",
                             (double)bytes * 1e-9, (double)available * 1e-9);
    }
    tfx_cpu_touch(b->pool, buf->data, buf->mapped);
    *out = buf;
    return TFX_OK;
}

void tfx_cpu_buffer_destroy(tfx_backend *b, tfx_buffer *buf)
{
    (void)b;
    if (!buf)
        return;
    tfx_cpu_unmap(buf->data, buf->mapped);
    free(buf);
}

void tfx_cpu_upload(tfx_backend *b, tfx_buffer *buf, uint64_t offset, const void *src, size_t n)
{
    (void)b;
    if (n)
        memcpy(buf->data + offset, src, n);
}

void tfx_cpu_download(tfx_backend *b, const tfx_buffer *buf, uint64_t offset, void *dst, size_t n)
{
    (void)b;
    if (n)
        memcpy(dst, buf->data + offset, n);
}
