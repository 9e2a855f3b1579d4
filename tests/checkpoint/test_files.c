/* Folders and small files: they appear whole or not at all, whatever happens to the process. */
#include "framework/checkpoint/dir_lock.h"
#include "framework/checkpoint/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/check_main.h"
#include "tests/checkpoint/temp_dir.h"

#define ck_assert_ok(status, err) ck_assert_msg((status) == TFX_OK, "%s", (err).text)

static int exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* "PATH/name" with the given text. */
static void put(const char *dir, const char *name, const char *text)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    ck_assert_msg(f != NULL, "%s", path);
    fputs(text, f);
    fclose(f);
}

static void expect_text(const char *path, const char *text)
{
    size_t n;
    unsigned char *data = temp_read(path, &n);
    ck_assert_str_eq((char *)data, text);
    free(data);
}

START_TEST(hash_known_values)
{
    tfx_error err = {0};
    char hash[33];
    /* The published XXH3-128 of no bytes, seed 0. */
    ck_assert_ok(tfx_file_hash(temp_file("empty", "", 0), hash, &err), err);
    ck_assert_str_eq(hash, "99aa06d3014798d86001c324468d497f");
    ck_assert_int_eq(tfx_file_hash(temp_path("missing"), hash, &err), TFX_E_IO);
    ck_assert_contains(err.text, "missing");
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_file_hash(temp_dir, hash, &err), TFX_E_IO);
}
END_TEST

START_TEST(make_dirs)
{
    tfx_error err = {0};
    ck_assert_ok(tfx_make_dirs(temp_path("a/b//c/"), &err), err);
    ck_assert(exists(temp_path("a/b/c")));
    ck_assert_ok(tfx_make_dirs(temp_path("a/b/c"), &err), err);
    ck_assert_ok(tfx_make_dirs("/", &err), err);
    ck_assert_int_eq(chdir(temp_dir), 0);
    ck_assert_ok(tfx_make_dirs("x/y", &err), err);
    ck_assert(exists(temp_path("x/y")));
    ck_assert_ok(tfx_make_dirs(".", &err), err);

    temp_file("a/file", "1", 1);
    ck_assert_int_eq(tfx_make_dirs(temp_path("a/file/d"), &err), TFX_E_IO);
    ck_assert_contains(err.text, "a/file exists and is not a folder");
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_make_dirs("", &err), TFX_E_IO);
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_make_dirs("/proc/none/x", &err), TFX_E_IO);
    ck_assert_contains(err.text, "cannot create folder /proc/none: ");
}
END_TEST

START_TEST(free_bytes)
{
    uint64_t here = tfx_free_bytes(temp_dir), below = tfx_free_bytes(temp_path("not/there/yet"));
    ck_assert_uint_gt(here, 0);
    ck_assert_uint_gt(below, 0);
    ck_assert_uint_gt(tfx_free_bytes("not/there/either"), 0);
    ck_assert_uint_eq(tfx_free_bytes("/proc/none"), 0);
}
END_TEST

START_TEST(write_file_atomic)
{
    tfx_error err = {0};
    ck_assert_ok(tfx_write_file_atomic(temp_path("f"), "one", 3, &err), err);
    expect_text(temp_path("f"), "one");
    ck_assert_ok(tfx_write_file_atomic(temp_path("f"), "second", 6, &err), err);
    expect_text(temp_path("f"), "second");
    ck_assert_int_eq(temp_entries(temp_dir), 1);

    ck_assert_int_eq(tfx_write_file_atomic(temp_dir, "x", 1, &err), TFX_E_IO);
    ck_assert_contains(err.text, "is a folder");
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_write_file_atomic(temp_path("no/f"), "x", 1, &err), TFX_E_IO);
    ck_assert_contains(err.text, "no/f: cannot create: No such file");
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_write_file_atomic("/dev/full", "x", 1, &err), TFX_E_IO);
    ck_assert_contains(err.text, "No space left on device");
    ck_assert(exists("/dev/full"));

    /* A failure in the middle leaves the old file. */
    struct rlimit old, limit = {3, 0};
    getrlimit(RLIMIT_FSIZE, &old);
    limit.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_write_file_atomic(temp_path("f"), "something", 9, &err), TFX_E_IO);
    setrlimit(RLIMIT_FSIZE, &old);
    expect_text(temp_path("f"), "second");
    ck_assert_int_eq(temp_entries(temp_dir), 1);
}
END_TEST

START_TEST(staged_dir_appears_at_commit)
{
    tfx_error err = {0};
    tfx_staged_dir d;
    ck_assert_ok(tfx_staged_dir_begin(&d, temp_path("step-10/"), &err), err);
    put(d.temp_path, "model", "weights");
    char sub[600];
    snprintf(sub, sizeof(sub), "%s/sub", d.temp_path);
    ck_assert_int_eq(mkdir(sub, 0777), 0);
    put(sub, "x", "y");
    ck_assert(!exists(temp_path("step-10")));
    ck_assert_ok(tfx_staged_dir_commit(&d, &err), err);
    tfx_staged_dir_finish(&d);
    expect_text(temp_path("step-10/model"), "weights");
    expect_text(temp_path("step-10/sub/x"), "y");
    ck_assert_int_eq(temp_entries(temp_dir), 1);
}
END_TEST

START_TEST(staged_dir_replaces_an_older_one)
{
    tfx_error err = {0};
    tfx_staged_dir d;
    ck_assert_int_eq(mkdir(temp_path("s"), 0777), 0);
    put(temp_path("s"), "old", "1");
    put(temp_path("s"), "both", "1");
    ck_assert_ok(tfx_staged_dir_begin(&d, temp_path("s"), &err), err);
    put(d.temp_path, "both", "2");
    expect_text(temp_path("s/both"), "1");
    ck_assert_ok(tfx_staged_dir_commit(&d, &err), err);
    tfx_staged_dir_finish(&d);
    expect_text(temp_path("s/both"), "2");
    ck_assert_int_eq(temp_entries(temp_path("s")), 1);
    ck_assert_int_eq(temp_entries(temp_dir), 1);
}
END_TEST

START_TEST(staged_dir_vanishes_without_commit)
{
    tfx_error err = {0};
    tfx_staged_dir d;
    ck_assert_ok(tfx_staged_dir_begin(&d, temp_path("s"), &err), err);
    put(d.temp_path, "model", "weights");
    /* Beginning again in the same process starts from nothing. */
    tfx_staged_dir e;
    ck_assert_ok(tfx_staged_dir_begin(&e, temp_path("s"), &err), err);
    ck_assert_int_eq(temp_entries(e.temp_path), 0);
    tfx_staged_dir_finish(&e);
    tfx_staged_dir_finish(&d);
    tfx_staged_dir_finish(&d);
    ck_assert_int_eq(temp_entries(temp_dir), 0);
}
END_TEST

START_TEST(staged_dir_relative_name)
{
    tfx_error err = {0};
    tfx_staged_dir d;
    ck_assert_int_eq(chdir(temp_dir), 0);
    ck_assert_ok(tfx_staged_dir_begin(&d, "here", &err), err);
    put(d.temp_path, "a", "b");
    ck_assert_ok(tfx_staged_dir_commit(&d, &err), err);
    tfx_staged_dir_finish(&d);
    expect_text(temp_path("here/a"), "b");
}
END_TEST

/* A child that stages files and never finishes, killed when it says that it wrote some. It is left for its
 * parent to wait for. */
static pid_t killed_while_staging(const char *final_path)
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        tfx_error err = {0};
        tfx_staged_dir d;
        if (tfx_staged_dir_begin(&d, final_path, &err) != TFX_OK)
            _exit(1);
        for (int i = 0;; i++) {
            char name[32];
            snprintf(name, sizeof(name), "file-%d", i);
            put(d.temp_path, name, "partial");
            if (i == 3 && write(ready[1], "x", 1) != 1)
                _exit(1);
        }
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    kill(pid, SIGKILL);
    siginfo_t end;
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT), 0);
    ck_assert_int_eq(end.si_code, CLD_KILLED);
    return pid;
}

/* A child that holds a folder's lock until it is killed. */
static pid_t locks(const char *path)
{
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (tfx_dir_lock(path, 0) < 0 || write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    return pid;
}

START_TEST(lock_ends_with_its_process)
{
    pid_t pid = locks(temp_dir);
    ck_assert_int_eq(tfx_dir_lock(temp_dir, 0), -1);
    ck_assert_int_eq(errno, EWOULDBLOCK);
    kill(pid, SIGKILL);
    int lock = tfx_dir_lock(temp_dir, 1);
    ck_assert_int_ge(lock, 0);
    ck_assert_int_eq(tfx_dir_lock(temp_dir, 0), -1);
    close(lock);
    lock = tfx_dir_lock(temp_dir, 0);
    ck_assert_int_ge(lock, 0);
    close(lock);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert_int_eq(tfx_dir_lock(temp_path("none"), 1), -1);
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(killed_process_leaves_nothing_that_looks_whole)
{
    const char *final_path = temp_path("step-20");
    pid_t pid = killed_while_staging(final_path); /* and not waited for: it is still listed */
    char left[700], old[720], other[700], used[700], foreign[700];
    snprintf(left, sizeof(left), "%s.tmp-%ld", final_path, (long)pid);
    ck_assert(!exists(final_path));
    ck_assert_msg(exists(left), "%s", left);

    /* What killed processes leave of other steps goes too, also when their ids were given again; what is not
     * ours, or is being worked on, stays. */
    snprintf(old, sizeof(old), "%s/step-5.tmp-%ld.old", temp_dir, (long)pid);
    snprintf(other, sizeof(other), "%s/step-19.tmp-%ld", temp_dir, (long)getppid());
    snprintf(used, sizeof(used), "%s/step-18.tmp-%ld", temp_dir, (long)pid);
    snprintf(foreign, sizeof(foreign), "%s/notes.tmp-%ldx", temp_dir, (long)pid);
    ck_assert_int_eq(mkdir(old, 0777) | mkdir(other, 0777) | mkdir(used, 0777) | mkdir(foreign, 0777), 0);
    put(old, "x", "y");
    pid_t user = locks(used);

    tfx_error err = {0};
    tfx_staged_dir d;
    ck_assert_ok(tfx_staged_dir_begin(&d, final_path, &err), err);
    ck_assert(!exists(left) && !exists(old) && !exists(other));
    ck_assert(exists(used) && exists(foreign));
    put(d.temp_path, "model", "whole");
    ck_assert_ok(tfx_staged_dir_commit(&d, &err), err);
    tfx_staged_dir_finish(&d);
    expect_text(temp_path("step-20/model"), "whole");
    ck_assert_int_eq(temp_entries(temp_path("step-20")), 1);
    kill(user, SIGKILL);
    while (wait(NULL) > 0)
        ;
}
END_TEST

/* A process of another user cannot be signalled; that must not be taken for its being gone. */
START_TEST(process_of_another_user)
{
    ck_assert_int_eq(mkdir(temp_path("s.tmp-1"), 0777), 0);
    ck_assert_int_eq(chmod(temp_dir, 0777) | chmod(temp_path("s.tmp-1"), 0777), 0);
    pid_t user = locks(temp_path("s.tmp-1"));
    uid_t me = geteuid();
    if (me == 0) /* the real id counts too, the saved one is the way back */
        ck_assert_int_eq(setresuid(65534, 65534, 0), 0);
    tfx_error err = {0};
    tfx_staged_dir d;
    tfx_staged_dir_begin(&d, temp_path("t"), &err);
    tfx_staged_dir_finish(&d);
    if (me == 0)
        ck_assert_int_eq(setresuid(0, 0, 0), 0);
    kill(user, SIGKILL);
    ck_assert_int_eq(waitpid(user, NULL, 0), user);
    ck_assert_ok(err.status, err);
    ck_assert(exists(temp_path("s.tmp-1")));
}
END_TEST

/* Killed at an arbitrary moment of replacing a folder again and again: whatever is under the final
 * name is one whole generation. */
START_TEST(killed_while_replacing)
{
    enum { ROUNDS = 25, FILES = 4 };
    char final_path[600];
    snprintf(final_path, sizeof(final_path), "%s", temp_path("s"));
    for (int round = 0; round < ROUNDS; round++) {
        int ready[2];
        char byte;
        ck_assert_int_eq(pipe(ready), 0);
        pid_t pid = fork();
        if (pid == 0) {
            for (int generation = 0;; generation++) {
                tfx_error err = {0};
                tfx_staged_dir d;
                char name[32], text[32];
                if (tfx_staged_dir_begin(&d, final_path, &err) != TFX_OK)
                    _exit(1);
                snprintf(text, sizeof(text), "%d", generation);
                for (int i = 0; i < FILES; i++) {
                    snprintf(name, sizeof(name), "f%d", i);
                    put(d.temp_path, name, text);
                }
                if (tfx_staged_dir_commit(&d, &err) != TFX_OK)
                    _exit(1);
                tfx_staged_dir_finish(&d);
                if (generation == 1 && write(ready[1], "x", 1) != 1)
                    _exit(1);
            }
        }
        close(ready[1]);
        ck_assert_int_eq(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        usleep((useconds_t)(round * 137));
        kill(pid, SIGKILL);
        int status;
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_msg(WIFSIGNALED(status), "the child failed by itself");
        size_t n;
        unsigned char *first = temp_read(temp_path("s/f0"), &n);
        expect_text(temp_path("s/f1"), (char *)first);
        expect_text(temp_path("s/f2"), (char *)first);
        expect_text(temp_path("s/f3"), (char *)first);
        free(first);
        ck_assert_int_eq(temp_entries(final_path), FILES);
    }
}
END_TEST

START_TEST(staged_dir_errors)
{
    tfx_error err = {0};
    tfx_staged_dir d;
    temp_file("file", "1", 1);
    ck_assert_int_eq(tfx_staged_dir_begin(&d, temp_path("file"), &err), TFX_E_IO);
    ck_assert_contains(err.text, "file: exists and is not a folder");
    tfx_staged_dir_finish(&d);
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_staged_dir_begin(&d, temp_path("no/s"), &err), TFX_E_IO);
    ck_assert_contains(err.text, "no: cannot list folder: No such file");
    tfx_staged_dir_finish(&d);
    err = (tfx_error){0};
    ck_assert_int_eq(tfx_staged_dir_begin(&d, temp_path("file/s"), &err), TFX_E_IO);
    tfx_staged_dir_finish(&d);

    /* A file that takes the final name while the folder is being filled. */
    err = (tfx_error){0};
    ck_assert_ok(tfx_staged_dir_begin(&d, temp_path("late"), &err), err);
    temp_file("late", "1", 1);
    ck_assert_int_eq(tfx_staged_dir_commit(&d, &err), TFX_E_IO);
    ck_assert_contains(err.text, "late: exists and is not a folder");
    tfx_staged_dir_finish(&d);
    expect_text(temp_path("late"), "1");
    ck_assert_int_eq(temp_entries(temp_dir), 2);
}
END_TEST

START_TEST(read_only_folder)
{
    ck_assert_int_eq(mkdir(temp_path("locked"), 0555), 0);
    ck_assert_int_eq(mkdir(temp_path("locked/old"), 0755), 0);
    ck_assert_int_eq(chmod(temp_dir, 0755), 0);
    ck_assert_int_eq(chmod(temp_path("locked"), 0555), 0);
    uid_t me = geteuid();
    if (me == 0) /* permissions do not bind root */
        ck_assert_int_eq(seteuid(65534), 0);
    tfx_error begin = {0}, file = {0}, dirs = {0}, removal = {0};
    tfx_staged_dir d;
    tfx_staged_dir_begin(&d, temp_path("locked/s"), &begin);
    tfx_staged_dir_finish(&d);
    tfx_write_file_atomic(temp_path("locked/f"), "x", 1, &file);
    tfx_make_dirs(temp_path("locked/a/b"), &dirs);
    tfx_remove_dir(temp_path("locked/old"), &removal);
    if (me == 0)
        ck_assert_int_eq(seteuid(me), 0);
    ck_assert_contains(begin.text, ": cannot create folder: Permission denied");
    ck_assert_contains(file.text, "locked/f: cannot create: Permission denied");
    ck_assert_contains(dirs.text, "locked/a: Permission denied");
    ck_assert_contains(removal.text, "locked/old: cannot remove: Permission denied");
    ck_assert_int_eq(temp_entries(temp_path("locked")), 1);
    ck_assert_int_eq(chmod(temp_path("locked"), 0755), 0);
}
END_TEST

/* A file system of one megabyte, in a mount namespace of this test's own. */
START_TEST(full_disk)
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", temp_dir, "tmpfs", 0, "size=1m") != 0) {
        fprintf(stderr, "skipped: no right to mount a small file system (%s)\n", strerror(errno));
        return;
    }
    ck_assert_uint_le(tfx_free_bytes(temp_path("x/y")), 1u << 20);
    ck_assert_uint_gt(tfx_free_bytes(temp_path("x/y")), 1u << 18);
    tfx_error err = {0};
    char *data = calloc(1, 2u << 20);
    ck_assert_ok(tfx_write_file_atomic(temp_path("f"), data, 100, &err), err);
    ck_assert_int_eq(tfx_write_file_atomic(temp_path("f"), data, 2u << 20, &err), TFX_E_IO);
    ck_assert_contains(err.text, "No space left on device");
    ck_assert_int_eq(temp_entries(temp_dir), 1);
    size_t n;
    free(temp_read(temp_path("f"), &n));
    ck_assert_uint_eq(n, 100);
    free(data);
    ck_assert_int_eq(umount(temp_dir), 0);
}
END_TEST

START_TEST(remove_dir)
{
    tfx_error err = {0};
    ck_assert_ok(tfx_make_dirs(temp_path("d/sub"), &err), err);
    put(temp_path("d"), "a", "1");
    put(temp_path("d/sub"), "b", "2");
    temp_file("kept", "3", 1);
    ck_assert_int_eq(symlink(temp_path("kept"), temp_path("d/link")), 0);
    ck_assert_int_eq(symlink(temp_dir, temp_path("d/dir-link")), 0);
    ck_assert_ok(tfx_remove_dir(temp_path("d/"), &err), err);
    ck_assert(!exists(temp_path("d")));
    expect_text(temp_path("kept"), "3");
    ck_assert_int_eq(temp_entries(temp_dir), 1);
    ck_assert_ok(tfx_remove_dir(temp_path("d"), &err), err);

    ck_assert_int_eq(tfx_remove_dir(temp_path("kept"), &err), TFX_E_INVALID);
    ck_assert_contains(err.text, "kept: cannot remove: is not a folder");
    err = (tfx_error){0};
    ck_assert_ok(tfx_make_dirs(temp_path("deep/1/2"), &err), err);
    put(temp_path("deep/1/2"), "x", "y");
    ck_assert_int_eq(tfx_remove_dir(temp_path("deep"), &err), TFX_E_INVALID);
    ck_assert_contains(err.text, "deep/1/2: not removed");
    expect_text(temp_path("deep/1/2/x"), "y");
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("checkpoint/files");
    TCase *t = tcase_create("files");
    tcase_set_timeout(t, 0);
    tcase_add_checked_fixture(t, temp_dir_setup, temp_dir_teardown);
    tcase_add_test(t, hash_known_values);
    tcase_add_test(t, make_dirs);
    tcase_add_test(t, free_bytes);
    tcase_add_test(t, write_file_atomic);
    tcase_add_test(t, staged_dir_appears_at_commit);
    tcase_add_test(t, staged_dir_replaces_an_older_one);
    tcase_add_test(t, staged_dir_vanishes_without_commit);
    tcase_add_test(t, staged_dir_relative_name);
    tcase_add_test(t, lock_ends_with_its_process);
    tcase_add_test(t, killed_process_leaves_nothing_that_looks_whole);
    tcase_add_test(t, process_of_another_user);
    tcase_add_test(t, killed_while_replacing);
    tcase_add_test(t, staged_dir_errors);
    tcase_add_test(t, read_only_folder);
    tcase_add_test(t, full_disk);
    tcase_add_test(t, remove_dir);
    suite_add_tcase(s, t);
    return s;
}

TFX_CHECK_MAIN(suite)
