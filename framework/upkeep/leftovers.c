#include "framework/upkeep/leftovers.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "framework/base/memory.h"
#include "framework/checkpoint/files.h"
#include "framework/store/upkeep.h"

/* Another database's process may just have made it. */
#define SETTLED_SECONDS 60

static const char *skip_digits(const char *s)
{
    while (isdigit((unsigned char)*s))
        s++;
    return s;
}

/* Behind any number of ".tmp-PID" and ".tmp-PID.old". */
static int is_end(const char *s)
{
    while (!strncmp(s, ".tmp-", 5) && isdigit((unsigned char)s[5])) {
        s = skip_digits(s + 5);
        if (!strncmp(s, ".old", 4))
            s += 4;
    }
    return !*s;
}

/* "step-00000012-periodic", also while it is unfinished. */
static int is_checkpoint_name(const char *name)
{
    static const char *const reasons[] = {"periodic", "stage_end", "grown", "interrupted", "final"};
    const char *at = strncmp(name, "step-", 5) ? name : skip_digits(name + 5);
    if (at < name + 5 + 8 || *at != '-')
        return 0;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
        if (!strncmp(at + 1, reasons[i], strlen(reasons[i])) && is_end(at + 1 + strlen(reasons[i])))
            return 1;
    return 0;
}

/* "12" or "12-2", also while it is being removed. */
static int is_run_name(const char *name)
{
    const char *at = skip_digits(name);
    if (at > name && *at == '-' && isdigit((unsigned char)at[1]))
        at = skip_digits(at + 1);
    return at > name && is_end(at);
}

/* What a folder tree takes, links not followed; *n counts what is in it. */
static int64_t bytes_of(const char *path, size_t *n)
{
    int64_t bytes = 0;
    DIR *dir = opendir(path);
    struct dirent *e;
    struct stat st;
    while (dir && (e = readdir(dir))) {
        char *entry = tfx_printf("%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") && !lstat(entry, &st)) {
            ++*n;
            bytes += S_ISDIR(st.st_mode) ? bytes_of(entry, n) : (int64_t)st.st_size;
        }
        free(entry);
    }
    if (dir)
        closedir(dir);
    return bytes;
}

/* Calls visit for each folder in root/relative, which may not be there. */
typedef struct finder {
    tfx_store *store;
    const char *root;
    tfx_id run;
    tfx_gc *out;
} finder;
typedef void (*visit_fn)(const finder *f, const char *path, const char *relative, const struct stat *st,
                         tfx_error *err);

static tfx_status each_folder(const finder *f, const char *relative, visit_fn visit, tfx_error *err)
{
    char *folder = tfx_printf("%s/%s", f->root, relative);
    DIR *dir = opendir(folder);
    struct dirent *e;
    if (!dir && errno != ENOENT && errno != ENOTDIR)
        tfx_fail(err, TFX_E_IO, "%s: cannot list folder: %s", folder, strerror(errno));
    while (dir && err->status == TFX_OK && (e = readdir(dir))) {
        char *below = tfx_printf("%s/%s", relative, e->d_name), *path = tfx_printf("%s/%s", f->root, below);
        struct stat st;
        if (e->d_name[0] != '.' && !lstat(path, &st) && S_ISDIR(st.st_mode))
            visit(f, path, below, &st, err);
        free(path);
        free(below);
    }
    if (dir)
        closedir(dir);
    free(folder);
    return err->status;
}

static void add(const finder *f, const char *path, const char *relative, tfx_gc_fate fate)
{
    size_t n = 0;
    *TFX_APPEND(f->out->items, f->out->n, f->out->cap) = (tfx_gc_item){
        .run = f->run, .bytes = bytes_of(path, &n), .path = tfx_strdup(relative), .fate = fate};
}

static const char *name_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

static void visit_checkpoint(const finder *f, const char *path, const char *relative, const struct stat *st,
                             tfx_error *err)
{
    (void)st;
    int unfinished = strstr(name_of(path), ".tmp-") != NULL;
    if (is_checkpoint_name(name_of(path)) && (!unfinished || tfx_is_stale_dir(path)) &&
        !tfx_store_is_in_use(f->store, relative, err) && err->status == TFX_OK)
        add(f, path, relative, TFX_GC_REMOVED);
}

tfx_status tfx_leftovers_of_run(tfx_store *store, const char *root, const char *directory, tfx_id run, tfx_gc *out,
                                tfx_error *err)
{
    const finder f = {store, root, run, out};
    return each_folder(&f, directory, visit_checkpoint, err);
}

static void visit_run(const finder *f, const char *path, const char *relative, const struct stat *st, tfx_error *err)
{
    size_t n = 0;
    if (!is_run_name(name_of(path)) || tfx_store_is_run_folder(f->store, relative, err) || err->status != TFX_OK)
        return;
    if (strstr(name_of(path), ".tmp-")) {
        if (tfx_is_stale_dir(path))
            add(f, path, relative, TFX_GC_REMOVED);
        return;
    }
    bytes_of(path, &n);
    if (n)
        add(f, path, relative, TFX_GC_UNKNOWN);
    else if (st->st_mtime + SETTLED_SECONDS < time(NULL))
        add(f, path, relative, TFX_GC_REMOVED);
}

static void visit_experiment(const finder *f, const char *path, const char *relative, const struct stat *st,
                             tfx_error *err)
{
    (void)path, (void)st;
    each_folder(f, relative, visit_run, err);
}

tfx_status tfx_leftovers_beside(tfx_store *store, const char *root, tfx_gc *out, tfx_error *err)
{
    const finder f = {store, root, 0, out};
    return each_folder(&f, "runs", visit_experiment, err);
}

static void visit_removed(const finder *f, const char *path, const char *relative, const struct stat *st,
                          tfx_error *err)
{
    (void)f, (void)relative, (void)st;
    if (is_run_name(name_of(path)) && tfx_is_stale_dir(path))
        tfx_remove_dir(path, err);
}

tfx_status tfx_leftovers_remove(const char *root, const char *relative, tfx_error *err)
{
    const finder f = {.root = root};
    return each_folder(&f, relative, visit_removed, err);
}
