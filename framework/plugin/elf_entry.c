/* A reader for just as much ELF as it takes to find one symbol: program headers, the dynamic
 * section, and the symbol hash table. Section headers are not used: the loader ignores them
 * too, so they may be stripped or wrong in a file that loads.
 *
 * Every number in the file is untrusted. All reads go through read_at, which checks them
 * against the size of the file, or read_mapped, which translates an address first; loops over
 * counts from the file have limits. */
#include "framework/plugin/elf_entry.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRY_NAME "tfx_plugin_entry"

/* The size of tfx_plugin in ABI 1.0: later minors may only add to it. */
#define ENTRY_SIZE_1_0 (offsetof(tfx_plugin, factories) + sizeof(((tfx_plugin *)0)->factories))

#if defined(__x86_64__)
#define HOST_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define HOST_MACHINE EM_AARCH64
#elif defined(__riscv)
#define HOST_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define HOST_MACHINE EM_PPC64
#else
#error "add this machine's EM_ number"
#endif

enum {
    MAX_SEGMENTS = 256, /* program headers; real files have about ten */
    MAX_DYNAMIC = 4096, /* entries of the dynamic section; real files have about thirty */
    MAX_CHAIN = 1 << 16 /* symbols in one hash chain; real files have a handful */
};

typedef struct image {
    int fd;
    uint64_t size;
    uint32_t n_segments;
    Elf64_Phdr segments[MAX_SEGMENTS];
    tfx_error *err;
} image;

typedef struct dynamic_info {
    uint64_t symtab, strtab, strsz, gnu_hash, sysv_hash; /* addresses; 0: absent */
} dynamic_info;

static tfx_status bad(const image *im, const char *fmt, ...) TFX_PRINTF(2, 3);
static tfx_status bad(const image *im, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    tfx_status status = tfx_vfail(im->err, TFX_E_DATA, fmt, ap);
    va_end(ap);
    return status;
}

static tfx_status read_at(const image *im, uint64_t offset, void *buf, size_t n, const char *what)
{
    if (n > im->size || offset > im->size - n)
        return bad(im, "truncated: %s should be %zu bytes at offset %llu, but the file has %llu bytes", what, n,
                   (unsigned long long)offset, (unsigned long long)im->size);
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(im->fd, (char *)buf + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tfx_fail(im->err, TFX_E_IO, "cannot be read: %s", strerror(errno));
        if (got == 0)
            return bad(im, "became shorter while it was read");
        done += (size_t)got;
    }
    return TFX_OK;
}

/* Reads what the loader would map at an address. */
static tfx_status read_mapped(const image *im, uint64_t address, void *buf, size_t n, const char *what)
{
    for (uint32_t i = 0; i < im->n_segments; i++) {
        const Elf64_Phdr *s = &im->segments[i];
        if (s->p_type != PT_LOAD || address < s->p_vaddr)
            continue;
        uint64_t inside = address - s->p_vaddr;
        if (n <= s->p_filesz && inside <= s->p_filesz - n)
            return read_at(im, s->p_offset + inside, buf, n, what);
    }
    return bad(im, "malformed ELF: %s is at address 0x%llx, which no segment of the file holds", what,
               (unsigned long long)address);
}

static const char *machine_name(unsigned machine)
{
    switch (machine) {
    case EM_386: return "i386";
    case EM_ARM: return "32-bit ARM";
    case EM_X86_64: return "x86-64";
    case EM_AARCH64: return "AArch64";
    case EM_RISCV: return "RISC-V";
    case EM_PPC64: return "POWER";
    case EM_S390: return "S/390";
    default: return "unknown";
    }
}

/* Checks the ELF header and reads the program headers. */
static tfx_status read_headers(image *im)
{
    Elf64_Ehdr h;
    unsigned char ident[EI_NIDENT] = {0};
    size_t n = im->size < sizeof(ident) ? (size_t)im->size : sizeof(ident);
    if (im->size == 0)
        return bad(im, "not a shared object: the file is empty");
    if (read_at(im, 0, ident, n, "the ELF identification"))
        return im->err->status;
    if (memcmp(ident, ELFMAG, SELFMAG))
        return bad(im, "not a shared object: starts with bytes %02x %02x %02x %02x, an ELF file with 7f 45 4c 46",
                   ident[0], ident[1], ident[2], ident[3]);
    if (read_at(im, 0, &h, sizeof(h), "the ELF header"))
        return im->err->status;
    if (ident[EI_CLASS] != ELFCLASS64 || ident[EI_DATA] != ELFDATA2LSB)
        return bad(im, "built for another machine: ELF class %u, byte order %u; expected 64-bit (2), little-endian (1)",
                   ident[EI_CLASS], ident[EI_DATA]);
    if (h.e_machine != HOST_MACHINE)
        return bad(im, "built for another machine: %s (ELF machine %u); this program runs on %s (%u)",
                   machine_name(h.e_machine), h.e_machine, machine_name(HOST_MACHINE), HOST_MACHINE);
    if (h.e_type != ET_DYN)
        return bad(im, "not a shared object: ELF type %u, expected %u (link it with -shared)", h.e_type, ET_DYN);
    if (h.e_phentsize != sizeof(Elf64_Phdr) || h.e_phnum == 0 || h.e_phnum > MAX_SEGMENTS)
        return bad(im, "malformed ELF: %u program headers of %u bytes; expected 1 to %d of %zu", h.e_phnum,
                   h.e_phentsize, MAX_SEGMENTS, sizeof(Elf64_Phdr));
    if (read_at(im, h.e_phoff, im->segments, h.e_phnum * sizeof(Elf64_Phdr), "the program header table"))
        return im->err->status;
    im->n_segments = h.e_phnum;

    /* The loader maps segments without looking at the file's size and would die of SIGBUS in
     * the missing part. */
    for (uint32_t i = 0; i < im->n_segments; i++) {
        const Elf64_Phdr *s = &im->segments[i];
        if (s->p_type == PT_LOAD && (s->p_filesz > im->size || s->p_offset > im->size - s->p_filesz))
            return bad(im, "truncated: segment %u should end at byte %llu, but the file has %llu bytes", i,
                       (unsigned long long)(s->p_offset + s->p_filesz), (unsigned long long)im->size);
    }
    return TFX_OK;
}

static tfx_status read_dynamic(const image *im, dynamic_info *d)
{
    const Elf64_Phdr *segment = NULL;
    for (uint32_t i = 0; i < im->n_segments && !segment; i++)
        if (im->segments[i].p_type == PT_DYNAMIC)
            segment = &im->segments[i];
    if (!segment)
        return bad(im, "not a shared object: it has no dynamic section");
    uint64_t n = segment->p_filesz / sizeof(Elf64_Dyn);
    for (uint64_t i = 0; i < n && i < MAX_DYNAMIC; i++) {
        Elf64_Dyn e;
        if (read_at(im, segment->p_offset + i * sizeof(e), &e, sizeof(e), "the dynamic section"))
            return im->err->status;
        if (e.d_tag == DT_NULL)
            break;
        switch (e.d_tag) {
        case DT_SYMTAB: d->symtab = e.d_un.d_ptr; break;
        case DT_STRTAB: d->strtab = e.d_un.d_ptr; break;
        case DT_STRSZ: d->strsz = e.d_un.d_val; break;
        case DT_GNU_HASH: d->gnu_hash = e.d_un.d_ptr; break;
        case DT_HASH: d->sysv_hash = e.d_un.d_ptr; break;
        default: break;
        }
    }
    if (!d->symtab || !d->strtab || (!d->gnu_hash && !d->sysv_hash))
        return bad(im, "malformed ELF: its dynamic section has no symbol table");
    return TFX_OK;
}

/* Reads symbol `index`; *match tells whether it is a definition of ENTRY_NAME. */
static tfx_status read_symbol(const image *im, const dynamic_info *d, uint64_t index, Elf64_Sym *sym, int *match)
{
    char name[sizeof(ENTRY_NAME)];
    *match = 0;
    if (read_mapped(im, d->symtab + index * sizeof(*sym), sym, sizeof(*sym), "a symbol"))
        return im->err->status;
    if (sym->st_shndx == SHN_UNDEF || sizeof(name) > d->strsz || sym->st_name > d->strsz - sizeof(name))
        return TFX_OK; /* undefined here, or its name is too short to be the one */
    if (read_mapped(im, d->strtab + sym->st_name, name, sizeof(name), "a symbol's name"))
        return im->err->status;
    *match = memcmp(name, ENTRY_NAME, sizeof(name)) == 0;
    return TFX_OK;
}

/* https://flapenguin.me/elf-dt-gnu-hash explains the table; the Bloom filter is skipped. */
static tfx_status find_by_gnu_hash(const image *im, const dynamic_info *d, Elf64_Sym *sym, int *found)
{
    struct {
        uint32_t n_buckets, first, bloom_words, bloom_shift;
    } head;
    uint32_t hash = 5381, index, entry;
    for (const char *c = ENTRY_NAME; *c; c++)
        hash = hash * 33 + (unsigned char)*c;
    if (read_mapped(im, d->gnu_hash, &head, sizeof(head), "the symbol hash table"))
        return im->err->status;
    if (head.n_buckets == 0)
        return TFX_OK;
    uint64_t buckets = d->gnu_hash + sizeof(head) + 8 * (uint64_t)head.bloom_words;
    uint64_t chains = buckets + 4 * (uint64_t)head.n_buckets;
    if (read_mapped(im, buckets + 4 * (uint64_t)(hash % head.n_buckets), &index, 4, "a hash bucket"))
        return im->err->status;
    if (index < head.first)
        return TFX_OK; /* empty bucket */
    for (int i = 0; i < MAX_CHAIN; i++, index++) {
        if (read_mapped(im, chains + 4 * (uint64_t)(index - head.first), &entry, 4, "a hash chain"))
            return im->err->status;
        if ((entry | 1) == (hash | 1)) {
            if (read_symbol(im, d, index, sym, found))
                return im->err->status;
            if (*found)
                return TFX_OK;
        }
        if (entry & 1)
            return TFX_OK;
    }
    return bad(im, "malformed ELF: a symbol hash chain does not end");
}

/* The older table (System V gABI, "Hash Table"); some linkers write only this one. */
static tfx_status find_by_sysv_hash(const image *im, const dynamic_info *d, Elf64_Sym *sym, int *found)
{
    struct {
        uint32_t n_buckets, n_chains;
    } head;
    uint32_t hash = 0, index;
    for (const char *c = ENTRY_NAME; *c; c++) {
        hash = (hash << 4) + (unsigned char)*c;
        hash = (hash ^ ((hash & 0xf0000000u) >> 24)) & 0x0fffffffu;
    }
    if (read_mapped(im, d->sysv_hash, &head, sizeof(head), "the symbol hash table"))
        return im->err->status;
    if (head.n_buckets == 0)
        return TFX_OK;
    uint64_t buckets = d->sysv_hash + sizeof(head), chains = buckets + 4 * (uint64_t)head.n_buckets;
    if (read_mapped(im, buckets + 4 * (uint64_t)(hash % head.n_buckets), &index, 4, "a hash bucket"))
        return im->err->status;
    for (int i = 0; i < MAX_CHAIN && index != STN_UNDEF; i++) {
        if (read_symbol(im, d, index, sym, found))
            return im->err->status;
        if (*found)
            return TFX_OK;
        if (read_mapped(im, chains + 4 * (uint64_t)index, &index, 4, "a hash chain"))
            return im->err->status;
    }
    return index == STN_UNDEF ? TFX_OK : bad(im, "malformed ELF: a symbol hash chain does not end");
}

static tfx_status read_entry(const image *im, const Elf64_Sym *sym, tfx_elf_entry *out)
{
    struct {
        uint64_t struct_size;
        uint32_t major, minor;
    } head;
    if (ELF64_ST_TYPE(sym->st_info) != STT_OBJECT || sym->st_shndx == SHN_ABS)
        return bad(im, "`" ENTRY_NAME "` is %s; it must be constant data (see TFX_PLUGIN in tfx/abi.h)",
                   ELF64_ST_TYPE(sym->st_info) == STT_FUNC ? "a function" : "not a data object");
    if (sym->st_size < sizeof(head))
        return bad(im, "`" ENTRY_NAME "` has %llu bytes; a tfx_plugin has at least %zu",
                   (unsigned long long)sym->st_size, sizeof(head));
    if (read_mapped(im, sym->st_value, &head, sizeof(head), "`" ENTRY_NAME "`"))
        return im->err->status;
    *out = (tfx_elf_entry){head.struct_size, head.major, head.minor};
    /* Only for a major we know is the rest of the layout ours to judge. */
    if (head.major == TFX_ABI_MAJOR && (head.struct_size > sym->st_size || head.struct_size < ENTRY_SIZE_1_0))
        return bad(im, "`" ENTRY_NAME "` says struct_size %llu; expected at least %zu and at most the symbol's %llu",
                   (unsigned long long)head.struct_size, ENTRY_SIZE_1_0, (unsigned long long)sym->st_size);
    return TFX_OK;
}

tfx_status tfx_elf_entry_read_fd(int fd, tfx_elf_entry *out, tfx_error *err)
{
    image im = {.fd = fd, .err = err};
    dynamic_info d = {0};
    Elf64_Sym sym;
    struct stat st;
    int found = 0;
    if (fstat(fd, &st))
        return tfx_fail(err, TFX_E_IO, "cannot be examined: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return tfx_fail(err, TFX_E_DATA, "not a regular file");
    im.size = (uint64_t)st.st_size;
    if (read_headers(&im) || read_dynamic(&im, &d))
        return err->status;
    if (d.gnu_hash ? find_by_gnu_hash(&im, &d, &sym, &found) : find_by_sysv_hash(&im, &d, &sym, &found))
        return err->status;
    if (!found)
        return bad(&im, "not a tfx plugin: it does not export `" ENTRY_NAME "` (see TFX_PLUGIN in tfx/abi.h)");
    return read_entry(&im, &sym, out);
}

tfx_status tfx_elf_entry_read(const char *path, tfx_elf_entry *out, tfx_error *err)
{
    /* O_NONBLOCK: a FIFO of this name must not make us wait for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return tfx_fail(err, TFX_E_IO, "cannot be opened: %s", strerror(errno));
    tfx_status status = tfx_elf_entry_read_fd(fd, out, err);
    close(fd);
    return status;
}

tfx_status tfx_elf_entry_check(const tfx_elf_entry *e, tfx_error *err)
{
    if (e->abi_major != TFX_ABI_MAJOR)
        return tfx_fail(err, TFX_E_UNSUPPORTED,
                        "built for plugin ABI %u.%u, this tfx has %d.%d: major versions must be equal; rebuild the "
                        "plugin with this tfx's include/tfx",
                        e->abi_major, e->abi_minor, TFX_ABI_MAJOR, TFX_ABI_MINOR);
    if (e->abi_minor > TFX_ABI_MINOR)
        return tfx_fail(err, TFX_E_UNSUPPORTED,
                        "needs plugin ABI %u.%u, this tfx has %d.%d: use a newer tfx, or a plugin that does without "
                        "what came later",
                        e->abi_major, e->abi_minor, TFX_ABI_MAJOR, TFX_ABI_MINOR);
    return TFX_OK;
}
