#include "framework/conformance/got.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* A plugin's threads call, too. */
static atomic_uint n_calls, fail_at;
static _Atomic(const char *) failed;
static atomic_long n_mappings;
static atomic_int clocks_jump;

static int fails(const char *function)
{
    unsigned n = atomic_fetch_add(&n_calls, 1) + 1;
    if (n != atomic_load(&fail_at))
        return 0;
    atomic_store(&failed, function);
    errno = ENOMEM;
    return 1;
}

static void *our_malloc(size_t n)
{
    return fails("malloc") ? NULL : malloc(n);
}

static void *our_calloc(size_t n, size_t size)
{
    return fails("calloc") ? NULL : calloc(n, size);
}

static void *our_realloc(void *p, size_t n)
{
    return fails("realloc") ? NULL : realloc(p, n);
}

static void *our_reallocarray(void *p, size_t n, size_t size)
{
    return fails("reallocarray") ? NULL : reallocarray(p, n, size);
}

static void *our_aligned_alloc(size_t alignment, size_t n)
{
    return fails("aligned_alloc") ? NULL : aligned_alloc(alignment, n);
}

static void *our_memalign(size_t alignment, size_t n)
{
    return fails("memalign") ? NULL : memalign(alignment, n);
}

static int our_posix_memalign(void **out, size_t alignment, size_t n)
{
    return fails("posix_memalign") ? ENOMEM : posix_memalign(out, alignment, n);
}

static char *our_strdup(const char *s)
{
    return fails("strdup") ? NULL : strdup(s);
}

static char *our_strndup(const char *s, size_t n)
{
    return fails("strndup") ? NULL : strndup(s, n);
}

static int our_vasprintf(char **out, const char *fmt, va_list ap)
{
    if (fails("vasprintf")) {
        *out = NULL;
        return -1;
    }
    return vasprintf(out, fmt, ap);
}

static int our_asprintf(char **out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = our_vasprintf(out, fmt, ap);
    va_end(ap);
    return n;
}

static void *our_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    void *p = fails("mmap") ? MAP_FAILED : mmap(at, n, protection, flags, fd, offset);
    if (p != MAP_FAILED)
        atomic_fetch_add(&n_mappings, 1);
    return p;
}

static int our_munmap(void *p, size_t n)
{
    int status = munmap(p, n);
    if (!status)
        atomic_fetch_sub(&n_mappings, 1);
    return status;
}

/* An hour for each time that it is asked for: what depends on it does not come twice. */
static int64_t hours(void)
{
    static atomic_long n_asked;
    return atomic_load(&clocks_jump) ? 3600 * (int64_t)atomic_fetch_add(&n_asked, 1) : 0;
}

static time_t our_time(time_t *out)
{
    time_t now = time(NULL) + (time_t)hours();
    if (out)
        *out = now;
    return now;
}

static int our_clock_gettime(clockid_t clock, struct timespec *out)
{
    int status = clock_gettime(clock, out);
    out->tv_sec += (time_t)hours();
    return status;
}

static int our_gettimeofday(struct timeval *out, void *zone)
{
    int status = gettimeofday(out, zone);
    out->tv_sec += (time_t)hours();
    return status;
}

static const struct {
    const char *name;
    void (*ours)(void);
} replaced[] = {
#define OURS(f) \
    { \
#f, (void (*)(void))our_##f \
    }
    OURS(malloc),         OURS(calloc), OURS(realloc),       OURS(reallocarray), OURS(aligned_alloc), OURS(memalign),
    OURS(posix_memalign), OURS(strdup), OURS(strndup),       OURS(asprintf),     OURS(vasprintf),     OURS(mmap),
    OURS(munmap),         OURS(time),   OURS(clock_gettime), OURS(gettimeofday),
};

static int replace(const struct link_map *l, const ElfW(Rela) * r, const char *name)
{
    for (size_t i = 0; i < sizeof(replaced) / sizeof(*replaced); i++) {
        if (strcmp(replaced[i].name, name))
            continue;
        uintptr_t place = l->l_addr + r->r_offset, page = (uintptr_t)sysconf(_SC_PAGESIZE);
        uintptr_t from = place / page * page;
        if (mprotect((void *)from, place + sizeof(place) - from, PROT_READ | PROT_WRITE))
            return 0;
        memcpy((void *)place, &replaced[i].ours, sizeof(replaced[i].ours));
        return 1;
    }
    return 0;
}

unsigned tfx_got_intercept(const void *address)
{
    Dl_info info;
    struct link_map *l = NULL;
    if (!dladdr1(address, &info, (void **)&l, RTLD_DL_LINKMAP) || !l)
        return 0;
    const ElfW(Sym) *symbols = NULL;
    const char *names = NULL;
    uintptr_t tables[2] = {0};
    size_t sizes[2] = {0};
    for (const ElfW(Dyn) *d = l->l_ld; d->d_tag != DT_NULL; d++)
        switch (d->d_tag) {
        case DT_SYMTAB: symbols = (const void *)d->d_un.d_ptr; break;
        case DT_STRTAB: names = (const void *)d->d_un.d_ptr; break;
        case DT_JMPREL: tables[0] = d->d_un.d_ptr; break;
        case DT_PLTRELSZ: sizes[0] = d->d_un.d_val; break;
        case DT_RELA: tables[1] = d->d_un.d_ptr; break;
        case DT_RELASZ: sizes[1] = d->d_un.d_val; break;
        default: break;
        }
    unsigned n = 0;
    for (int k = 0; k < 2 && symbols && names; k++)
        for (size_t i = 0; tables[k] && i < sizes[k] / sizeof(ElfW(Rela)); i++) {
            const ElfW(Rela) *r = (const ElfW(Rela) *)tables[k] + i;
            size_t symbol = ELF64_R_SYM(r->r_info);
            if (symbol)
                n += (unsigned)replace(l, r, names + symbols[symbol].st_name);
        }
    return n;
}

void tfx_got_fail(unsigned n)
{
    atomic_store(&n_calls, 0);
    atomic_store(&failed, NULL);
    atomic_store(&fail_at, n);
}

const char *tfx_got_failed(void)
{
    return atomic_load(&failed);
}

void tfx_got_jump_clocks(void)
{
    atomic_store(&clocks_jump, 1);
}

long tfx_got_mappings(void)
{
    return atomic_load(&n_mappings);
}
