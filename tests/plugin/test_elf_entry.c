/* The ELF reader against files that are right, wrong, cut off, and mutated. What it finds in a
 * sound file is compared with what the dynamic loader finds. */
#include <dlfcn.h>
#include <elf.h>
#include <sys/mman.h>

#include "framework/base/random.h"
#include "framework/plugin/elf_entry.h"
#include "plugin_files.h"
#include "tests/check_main.h"

static int memory_file(const void *data, size_t n)
{
    int fd = memfd_create("plugin", MFD_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, data, n, 0), (ssize_t)n);
    return fd;
}

/* Reads a copy of `good` after `size` bytes at `offset` were replaced; returns the message. */
static const char *patched(size_t offset, const void *bytes, size_t size)
{
    static tfx_error err;
    tfx_elf_entry e;
    size_t n;
    char *path = built_plugin("good");
    unsigned char *data = read_whole(path, &n);
    memcpy(data + offset, bytes, size);
    int fd = memory_file(data, n);
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_elf_entry_read_fd(fd, &e, &err), TFX_E_DATA);
    close(fd);
    free(data);
    free(path);
    return err.text;
}

#define ASSERT_HAS(text, part) ck_assert_msg(strstr(text, part) != NULL, "\"%s\" lacks \"%s\"", text, part)

START_TEST(agrees_with_the_loader)
{
    static const char *const names[] = {"asks", "good", "hash_sysv", "hash_gnu", "shadow", "unknown_kind"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        tfx_error err = {0};
        tfx_elf_entry e = {0};
        char *path = built_plugin(names[i]);
        ck_assert_msg(tfx_elf_entry_read(path, &e, &err) == TFX_OK, "%s: %s", path, err.text);
        void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        ck_assert_msg(handle != NULL, "%s", dlerror());
        const tfx_plugin *entry = dlsym(handle, "tfx_plugin_entry");
        ck_assert_uint_eq(e.struct_size, entry->struct_size);
        ck_assert_uint_eq(e.abi_major, entry->abi_major);
        ck_assert_uint_eq(e.abi_minor, entry->abi_minor);
        ck_assert_uint_eq(e.abi_minor, i == 0); /* what it needs, not what the headers have */
        ck_assert_int_eq(tfx_elf_entry_check(&e, &err), TFX_OK);
        free(path);
    }
}
END_TEST

START_TEST(reads_versions_that_do_not_fit)
{
    tfx_error err = {0};
    tfx_elf_entry e = {0};
    char *path = built_plugin("wrong_major");
    ck_assert_int_eq(tfx_elf_entry_read(path, &e, &err), TFX_OK);
    ck_assert_uint_eq(e.abi_major, 2);
    ck_assert_int_eq(tfx_elf_entry_check(&e, &err), TFX_E_UNSUPPORTED);
    ASSERT_HAS(err.text, "2.0");
    ASSERT_HAS(err.text, "this tfx has 1.");
    free(path);
    err = (tfx_error){0};
    path = built_plugin("newer_minor");
    ck_assert_int_eq(tfx_elf_entry_read(path, &e, &err), TFX_OK);
    ck_assert_uint_eq(e.abi_minor, 7);
    ck_assert_int_eq(tfx_elf_entry_check(&e, &err), TFX_E_UNSUPPORTED);
    ASSERT_HAS(err.text, "1.7");
    ASSERT_HAS(err.text, "this tfx has 1.");
    free(path);
}
END_TEST

START_TEST(refuses_entries_that_are_no_data)
{
    static const char *const cases[][2] = {
        {"no_entry", "does not export"}, {"function_entry", "is a function"}, {"short_entry", "struct_size 24"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        tfx_error err = {0};
        tfx_elf_entry e;
        char *path = built_plugin(cases[i][0]);
        ck_assert_int_eq(tfx_elf_entry_read(path, &e, &err), TFX_E_DATA);
        ASSERT_HAS(err.text, cases[i][1]);
        free(path);
    }
}
END_TEST

START_TEST(refuses_other_machines)
{
    Elf64_Half i386 = EM_386, type = ET_EXEC;
    unsigned char class32 = ELFCLASS32, big = ELFDATA2MSB;
#if defined(__x86_64__)
    Elf64_Half aarch64 = EM_AARCH64;
    ASSERT_HAS(patched(offsetof(Elf64_Ehdr, e_machine), &aarch64, 2), "AArch64 (ELF machine 183)");
#endif
    ASSERT_HAS(patched(offsetof(Elf64_Ehdr, e_machine), &i386, 2), "i386");
    ASSERT_HAS(patched(EI_CLASS, &class32, 1), "ELF class 1");
    ASSERT_HAS(patched(EI_DATA, &big, 1), "byte order 2");
    ASSERT_HAS(patched(offsetof(Elf64_Ehdr, e_type), &type, 2), "not a shared object");
    ASSERT_HAS(patched(0, "#!/b", 4), "23 21 2f 62");
}
END_TEST

START_TEST(refuses_files_that_are_none)
{
    tfx_error err = {0};
    tfx_elf_entry e;
    ck_assert_int_eq(tfx_elf_entry_read("/nonexistent/x.so", &e, &err), TFX_E_IO);
    ASSERT_HAS(err.text, "No such file");
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_elf_entry_read("/", &e, &err), TFX_E_DATA);
    ASSERT_HAS(err.text, "not a regular file");
    err = (tfx_error){0};
    int fd = memory_file("", 0);
    ck_assert_int_eq(tfx_elf_entry_read_fd(fd, &e, &err), TFX_E_DATA);
    ASSERT_HAS(err.text, "empty");
    close(fd);
    err = (tfx_error){0};
    fd = memory_file("\x7f"
                     "EL",
                     3);
    ck_assert_int_eq(tfx_elf_entry_read_fd(fd, &e, &err), TFX_E_DATA);
    close(fd);
}
END_TEST

/* A file that lacks a byte of any loaded segment would kill the loader with SIGBUS. */
START_TEST(refuses_every_truncation)
{
    size_t n, end = 0;
    char *path = built_plugin("good");
    unsigned char *data = read_whole(path, &n);
    const Elf64_Ehdr *h = (const Elf64_Ehdr *)(const void *)data;
    const Elf64_Phdr *p = (const Elf64_Phdr *)(const void *)(data + h->e_phoff);
    for (int i = 0; i < h->e_phnum; i++)
        if (p[i].p_type == PT_LOAD && p[i].p_offset + p[i].p_filesz > end)
            end = p[i].p_offset + p[i].p_filesz;
    ck_assert_uint_gt(end, 1000);
    int fd = memory_file(data, n);
    for (size_t size = end; size-- > 0;) {
        tfx_error err = {0};
        tfx_elf_entry e;
        ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
        ck_assert_msg(tfx_elf_entry_read_fd(fd, &e, &err) == TFX_E_DATA, "%zu of %zu bytes were accepted", size, end);
        ck_assert_msg(strstr(err.text, "truncated") || size < 4, "%zu bytes: %s", size, err.text);
    }
    close(fd);
    free(data);
    free(path);
}
END_TEST

/* Under ASan and UBSan this is where a missing bounds check shows. The bytes that matter are
 * few, so half of the mutations go to the headers and the dynamic tables. */
START_TEST(survives_mutation)
{
    enum { ROUNDS = 15000 };
    static const char *const names[] = {"hash_gnu", "hash_sysv"};
    for (size_t f = 0; f < 2; f++) {
        size_t n;
        int accepted = 0, refused = 0;
        char *path = built_plugin(names[f]);
        unsigned char *data = read_whole(path, &n);
        size_t head = n < 1536 ? n : 1536;
        int fd = memory_file(data, n);
        for (uint64_t round = 0; round < ROUNDS; round++) {
            tfx_error err = {0};
            tfx_elf_entry e = {0};
            size_t at[4];
            unsigned count = 1 + (unsigned)(tfx_random_u64(1, f, round) % 4);
            for (unsigned k = 0; k < count; k++) {
                uint64_t r = tfx_random_u64(2 + k, f, round);
                unsigned char byte = r >> 60 < 4 ? 0xff : r >> 60 < 8 ? 0 : (unsigned char)(r >> 40);
                at[k] = (r & 1) ? (size_t)(r >> 8 & 0xffffff) % n : (size_t)(r >> 8 & 0xffffff) % head;
                ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at[k]), 1);
            }
            if (tfx_elf_entry_read_fd(fd, &e, &err) == TFX_OK) {
                accepted++;
            } else {
                ck_assert(err.text[0] != '\0');
                refused++;
            }
            for (unsigned k = 0; k < count; k++)
                ck_assert_int_eq(pwrite(fd, &data[at[k]], 1, (off_t)at[k]), 1);
        }
        ck_assert_msg(accepted > ROUNDS / 20 && refused > ROUNDS / 20, "%d accepted, %d refused", accepted, refused);
        close(fd);
        free(data);
        free(path);
    }
}
END_TEST

static Suite *elf_entry_suite(void)
{
    Suite *s = suite_create("elf_entry");
    TCase *t = tcase_create("read");
    tcase_set_timeout(t, 0);
    tcase_add_test(t, agrees_with_the_loader);
    tcase_add_test(t, reads_versions_that_do_not_fit);
    tcase_add_test(t, refuses_entries_that_are_no_data);
    tcase_add_test(t, refuses_other_machines);
    tcase_add_test(t, refuses_files_that_are_none);
    tcase_add_test(t, refuses_every_truncation);
    tcase_add_test(t, survives_mutation);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(elf_entry_suite)
