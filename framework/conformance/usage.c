#include "framework/conformance/usage.h"

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>

#include "framework/base/memory.h"
#include "framework/conformance/got.h"

/* With a sanitizer, whose allocator mallinfo2 knows nothing of. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t entries(const char *folder)
{
    DIR *d = opendir(folder);
    size_t n = 0;
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

tfx_usage tfx_usage_now(void)
{
    tfx_usage u = {
        .files = entries("/proc/self/fd"), .threads = entries("/proc/self/task"), .mappings = tfx_got_mappings()};
    if (__sanitizer_get_current_allocated_bytes) {
        u.heap = __sanitizer_get_current_allocated_bytes();
    } else {
        const struct mallinfo2 m = mallinfo2();
        u.heap = m.uordblks + m.hblkhd;
    }
    return u;
}

char *tfx_usage_left(const tfx_usage *before, const tfx_usage *after, size_t lives)
{
    size_t files = after->files > before->files ? after->files - before->files : 0;
    size_t threads = after->threads > before->threads ? after->threads - before->threads : 0;
    size_t heap = after->heap > before->heap ? after->heap - before->heap : 0;
    long mappings = after->mappings - before->mappings;
    /* Less than a byte a life is something that is kept once: a cache. */
    if (heap > lives)
        return tfx_printf("%zu bytes of memory", heap);
    if (files > lives / 8)
        return tfx_printf("%zu open files", files);
    if (threads > lives / 8)
        return tfx_printf("%zu threads", threads);
    if (mappings > (long)(lives / 8))
        return tfx_printf("%ld mappings", mappings);
    return NULL;
}
