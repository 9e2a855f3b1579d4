/* The registry reads folders in the order of the search path and files in the order of their
 * names, so that what is found does not depend on the file system. A file is opened as data
 * first (elf_entry.h); only one whose version fits is handed to the dynamic loader, and only
 * one whose tables are sound is kept.
 *
 * Of two plugins with the same name in different folders the earlier folder's wins, as with
 * $PATH: that is how a researcher replaces a built-in. Within one folder there is no order
 * that anybody chose, so both are refused rather than one picked. Classes follow the same rule. */
#include "framework/plugin/registry.h"

#include <assert.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "framework/base/hash.h"
#include "framework/base/memory.h"
#include "framework/plugin/calls/call.h"
#include "framework/plugin/calls/crash.h"
#include "framework/plugin/classes.h"
#include "framework/plugin/elf_entry.h"
#include "framework/plugin/host.h"

enum { MAX_FACTORIES = 1024 }; /* more means that the list lacks its NULL */

typedef struct folder_id {
    dev_t device;
    ino_t inode;
} folder_id;

struct tfx_registry {
    tfx_loaded_plugin *plugins;
    size_t n_plugins, cap_plugins;
    tfx_refused_plugin *refused;
    size_t n_refused, cap_refused;
    folder_id *folders; /* scanned so far */
    size_t n_folders, cap_folders;
};

/* Takes over the strings. */
static void refuse(tfx_registry *r, char *path, char *reason)
{
    tfx_refused_plugin *p = TFX_APPEND(r->refused, r->n_refused, r->cap_refused);
    *p = (tfx_refused_plugin){path, reason, SIZE_MAX}; /* until its folder has been admitted */
}

static const char *name_of(const tfx_factory *f)
{
    return tfx_class_describe(f->kind, f->impl).name;
}

/* Where a plugin lists the class of a known kind with this name; NULL: nowhere. */
static const tfx_factory *const *find_offer(const tfx_plugin *p, const char *kind, const char *name)
{
    for (const tfx_factory *const *f = p->factories; *f; f++)
        if (!strcmp((*f)->kind, kind) && !strcmp(name_of(*f), name))
            return f;
    return NULL;
}

static tfx_status check_factory(const tfx_factory *f, size_t index, const tfx_plugin *entry, tfx_error *err)
{
    if (f->struct_size < TFX_SIZE_THROUGH(tfx_factory, impl))
        return tfx_fail(err, TFX_E_DATA, "factory %zu has struct_size %zu; expected at least %zu", index,
                        f->struct_size, TFX_SIZE_THROUGH(tfx_factory, impl));
    if (!f->kind)
        return tfx_fail(err, TFX_E_DATA, "factory %zu has no kind", index);
    if (!f->impl)
        return tfx_fail(err, TFX_E_DATA, "factory %zu (%s) has no class table", index, f->kind);
    if (!tfx_kind_word(f->kind)) {
        const tfx_host *host = tfx_host_table();
        host->log(host, TFX_LOG_WARN, "plugin %s: kind \"%s\" is not known to this tfx; ignored", entry->name, f->kind);
        return TFX_OK;
    }
    if (tfx_class_check(f->kind, f->impl, err))
        return err->status;
    if (find_offer(entry, f->kind, name_of(f)) != &entry->factories[index])
        return tfx_fail(err, TFX_E_DATA, "offers the %s %s twice", tfx_kind_word(f->kind), name_of(f));
    return TFX_OK;
}

static tfx_status check_entry(const tfx_plugin *e, tfx_error *err)
{
    if (!tfx_name_valid(e->name, 0))
        return tfx_fail(err, TFX_E_DATA, "its name is %s%s%s; expected letters, digits, '_', '.' and '-'",
                        e->name ? "\"" : "", e->name ? e->name : "NULL", e->name ? "\"" : "");
    if (!e->version || !*e->version)
        return tfx_fail(err, TFX_E_DATA, "plugin %s has no version", e->name);
    if (!e->summary)
        return tfx_fail(err, TFX_E_DATA, "plugin %s has no summary", e->name);
    if (!e->factories || !e->factories[0])
        return tfx_fail(err, TFX_E_DATA, "plugin %s offers nothing: its list of factories is empty", e->name);
    for (size_t i = 0; e->factories[i]; i++) {
        if (i == MAX_FACTORIES)
            return tfx_fail(err, TFX_E_DATA, "plugin %s has more than %d factories; does the list end with NULL?",
                            e->name, MAX_FACTORIES);
        if (check_factory(e->factories[i], i, e, err))
            return err->status;
    }
    return TFX_OK;
}

/* Runs the plugin's constructors, if it has any, and reads its tables. */
static tfx_status load_code(const char *path, const tfx_elf_entry *head, const tfx_plugin **out, tfx_error *err)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* never closed: OpenBLAS's threads would hang */
    if (!handle) {
        const char *why = dlerror();
        size_t n = strlen(path);
        if (why && !strncmp(why, path, n) && !strncmp(why + n, ": ", 2))
            why += n + 2;
        return tfx_fail(err, TFX_E_DATA, "cannot be loaded: %s", why ? why : "no reason given");
    }
    const tfx_plugin *entry = dlsym(handle, "tfx_plugin_entry");
    if (!entry)
        return tfx_fail(err, TFX_E_DATA, "does not export `tfx_plugin_entry`");
    if (entry->struct_size != head->struct_size || entry->abi_major != head->abi_major ||
        entry->abi_minor != head->abi_minor)
        return tfx_fail(err, TFX_E_DATA, "`tfx_plugin_entry` differs between the file and memory; it must be constant");
    *out = entry;
    return check_entry(entry, err);
}

/* Fills what is missing behind p->path. */
static tfx_status load(tfx_loaded_plugin *p, tfx_error *err)
{
    tfx_elf_entry head = {0};
    tfx_call c;
    if (tfx_elf_entry_read(p->path, &head, err) || tfx_elf_entry_check(&head, err) ||
        tfx_file_hash(p->path, p->hash, err))
        return err->status;
    tfx_call_begin(&c, NULL, NULL, "dlopen", p->path);
    tfx_call_end(&c, load_code(p->path, &head, &p->entry, err), NULL, err);
    return err->status;
}

/* Why `a` cannot be in one folder together with `b`; NULL when it can. */
static char *conflict(const tfx_loaded_plugin *a, const tfx_loaded_plugin *b)
{
    if (!strcmp(a->entry->name, b->entry->name))
        return tfx_printf("its name \"%s\" is also that of %s in the same folder; neither is used", a->entry->name,
                          b->path);
    for (size_t i = 0; a->entry->factories[i]; i++) {
        const tfx_factory *f = a->entry->factories[i];
        if (tfx_kind_word(f->kind) && find_offer(b->entry, f->kind, name_of(f)))
            return tfx_printf("it offers the %s %s, and so does %s in the same folder; neither is used",
                              tfx_kind_word(f->kind), name_of(f), b->path);
    }
    return NULL;
}

static int has_plugin(const tfx_registry *r, const char *name)
{
    for (size_t i = 0; i < r->n_plugins; i++)
        if (!strcmp(r->plugins[i].entry->name, name))
            return 1;
    return 0;
}

/* Takes over the plugins of one folder: those that conflict with none of their neighbours and that
 * no earlier folder has are kept. */
static void admit(tfx_registry *r, tfx_loaded_plugin *found, size_t n)
{
    char **why = TFX_NEW_ARRAY(char *, n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n && !why[i]; j++)
            if (j != i)
                why[i] = conflict(&found[i], &found[j]);
    for (size_t i = 0; i < n; i++) {
        if (why[i])
            refuse(r, found[i].path, why[i]);
        else if (!has_plugin(r, found[i].entry->name))
            *TFX_APPEND(r->plugins, r->n_plugins, r->cap_plugins) = found[i];
        else
            free(found[i].path);
    }
    free(why);
}

static int is_candidate(const struct dirent *e)
{
    size_t n = strlen(e->d_name);
    return n > 3 && e->d_name[0] != '.' && !strcmp(e->d_name + n - 3, ".so");
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* alphasort would follow the locale */
}

/* Whether the folder was scanned already; remembers it. */
static int seen_folder(tfx_registry *r, const char *path)
{
    struct stat st;
    if (stat(path, &st))
        return 0;
    for (size_t i = 0; i < r->n_folders; i++)
        if (r->folders[i].device == st.st_dev && r->folders[i].inode == st.st_ino)
            return 1;
    folder_id *f = TFX_APPEND(r->folders, r->n_folders, r->cap_folders);
    *f = (folder_id){st.st_dev, st.st_ino};
    return 0;
}

static void scan_folder(tfx_registry *r, const char *folder, const char *origin)
{
    char absolute[PATH_MAX];
    struct dirent **names = NULL;
    tfx_loaded_plugin *found = NULL;
    size_t n_found = 0, cap_found = 0;
    int n = -1;
    if (realpath(folder, absolute)) {
        if (seen_folder(r, absolute))
            return;
        n = scandir(absolute, &names, is_candidate, by_bytes);
    }
    if (n < 0) {
        char *reason = tfx_printf("%s names this folder, which cannot be read: %s", origin, strerror(errno));
        refuse(r, tfx_strdup(folder), reason);
        return;
    }
    for (int i = 0; i < n; i++) {
        tfx_error err = {0};
        tfx_loaded_plugin p = {.path = tfx_printf("%s/%s", absolute, names[i]->d_name)};
        if (load(&p, &err) == TFX_OK)
            *TFX_APPEND(found, n_found, cap_found) = p;
        else
            refuse(r, p.path, tfx_strdup(err.text));
        free(names[i]);
    }
    admit(r, found, n_found);
    for (size_t i = 0; i < r->n_refused; i++)
        if (r->refused[i].hides_from == SIZE_MAX)
            r->refused[i].hides_from = r->n_plugins;
    free(found);
    free(names);
}

const tfx_loaded_plugin *tfx_registry_owner(const tfx_registry *r, const void *impl)
{
    for (size_t i = 0; i < r->n_plugins; i++)
        for (size_t j = 0; r->plugins[i].entry->factories[j]; j++)
            if (r->plugins[i].entry->factories[j]->impl == impl)
                return &r->plugins[i];
    return NULL;
}

static const char *file_of(const void *registry, const void *impl)
{
    const tfx_loaded_plugin *owner = tfx_registry_owner(registry, impl);
    return owner ? owner->path : NULL;
}

static void scan_folders(tfx_registry *r, const char *search, const char *default_dir)
{
    for (const char *p = search; p && *p;) {
        size_t n = strcspn(p, ":");
        if (n) { /* an empty element is nothing, not the working directory */
            char *folder = tfx_strndup(p, n);
            scan_folder(r, folder, "TFX_PLUGIN_PATH");
            free(folder);
        }
        p += n + (p[n] == ':');
    }
    if (default_dir)
        scan_folder(r, default_dir, "the installation");
    tfx_crash_files(file_of, r);
}

tfx_registry *tfx_registry_open(const char *default_dir, tfx_error *err)
{
    const char *search = getenv("TFX_PLUGIN_PATH");
    if ((!search || !*search) && !default_dir) {
        tfx_fail(err, TFX_E_INVALID, "no plugin folder: set TFX_PLUGIN_PATH to the folders that hold plugins");
        return NULL;
    }
    tfx_registry *r = TFX_NEW(tfx_registry);
    scan_folders(r, search, default_dir);
    return r;
}

tfx_registry *tfx_registry_open_with(const char *file, const char *default_dir, tfx_error *err)
{
    char absolute[PATH_MAX];
    tfx_loaded_plugin p = {0};
    if (!realpath(file, absolute)) {
        tfx_fail(err, TFX_E_INVALID, "%s: %s", file, strerror(errno));
        return NULL;
    }
    p.path = tfx_strdup(absolute);
    if (load(&p, err) != TFX_OK) {
        tfx_error_prefix(err, "%s", file);
        free(p.path);
        return NULL;
    }
    tfx_registry *r = TFX_NEW(tfx_registry);
    admit(r, &p, 1);
    scan_folders(r, getenv("TFX_PLUGIN_PATH"), default_dir);
    return r;
}

void tfx_registry_close(tfx_registry *r)
{
    if (!r)
        return;
    tfx_crash_files(NULL, NULL);
    for (size_t i = 0; i < r->n_plugins; i++)
        free(r->plugins[i].path);
    for (size_t i = 0; i < r->n_refused; i++) {
        free(r->refused[i].path);
        free(r->refused[i].reason);
    }
    free(r->plugins);
    free(r->refused);
    free(r->folders);
    free(r);
}

static int file_is_named(const char *path, const char *name)
{
    const char *file = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    size_t n = strlen(name);
    return !strncmp(file, name, n) && !strcmp(file + n, ".so");
}

/* A refused file, in an earlier folder than plugin `i`, that has the name of the class or of the plugin. */
static const tfx_refused_plugin *hidden_by(const tfx_registry *r, size_t i, const char *name)
{
    for (size_t k = 0; k < r->n_refused; k++)
        if (i >= r->refused[k].hides_from &&
            (file_is_named(r->refused[k].path, name) || file_is_named(r->refused[k].path, r->plugins[i].entry->name)))
            return &r->refused[k];
    return NULL;
}

/* The class that a spec would get by this name; NULL when there is none. *hides: the refused file in whose
 * place it stands, and which must not be passed over in silence. */
static const tfx_factory *look_up(const tfx_registry *r, const char *kind, const char *name,
                                  const tfx_refused_plugin **hides)
{
    for (size_t i = 0; i < r->n_plugins; i++) {
        const tfx_factory *const *f = find_offer(r->plugins[i].entry, kind, name);
        if (!f)
            continue;
        *hides = hidden_by(r, i, name);
        return *f;
    }
    return NULL;
}

void tfx_registry_suggest(const tfx_registry *r, const char *kind, tfx_suggest *known)
{
    const tfx_refused_plugin *hides;
    for (size_t i = 0; i < r->n_plugins; i++)
        for (size_t j = 0; r->plugins[i].entry->factories[j]; j++) {
            const tfx_factory *f = r->plugins[i].entry->factories[j];
            if (!tfx_kind_word(f->kind) || (kind && strcmp(f->kind, kind)))
                continue;
            if (look_up(r, f->kind, name_of(f), &hides) == f && !hides)
                tfx_suggest_add(known, "%s", name_of(f));
        }
}

tfx_status tfx_registry_fail_unknown(const tfx_registry *r, const char *what, tfx_suggest *known, const char *none,
                                     tfx_error *err)
{
    const tfx_refused_plugin *p = r->refused;
    tfx_error unused = {0};
    size_t at = 0;
    tfx_fail(err, TFX_E_INVALID, "there is no %s \"%s\"", what, known->name);
    while (at < r->n_refused && !file_is_named(p[at].path, known->name))
        at++;
    tfx_suggest_end(known, none, at < r->n_refused ? &unused : err);
    if (at < r->n_refused)
        tfx_error_append(err, ": %s was refused: %s", p[at].path, p[at].reason);
    else if (r->n_refused == 1)
        tfx_error_append(err, " (refused: %s: %s)", p->path, p->reason);
    else if (r->n_refused)
        tfx_error_append(err, " (%zu plugins were refused; `tfx plugin list` says why)", r->n_refused);
    return err->status;
}

const void *tfx_registry_find(const tfx_registry *r, const char *kind, const char *name, tfx_error *err)
{
    const tfx_refused_plugin *hides;
    assert(tfx_kind_word(kind));
    const tfx_factory *f = look_up(r, kind, name, &hides);
    if (f && !hides)
        return f->impl;
    if (f) {
        tfx_fail(err, TFX_E_INVALID, "%s \"%s\": %s would come before %s, but was refused: %s", tfx_kind_word(kind),
                 name, hides->path, tfx_registry_owner(r, f->impl)->path, hides->reason);
    } else {
        tfx_suggest known = {.name = name};
        tfx_registry_suggest(r, kind, &known);
        tfx_registry_fail_unknown(r, tfx_kind_word(kind), &known, "no plugin offers any", err);
    }
    return NULL;
}

size_t tfx_registry_count(const tfx_registry *r)
{
    return r->n_plugins;
}

const tfx_loaded_plugin *tfx_registry_at(const tfx_registry *r, size_t i)
{
    return &r->plugins[i];
}

size_t tfx_registry_refused_count(const tfx_registry *r)
{
    return r->n_refused;
}

const tfx_refused_plugin *tfx_registry_refused_at(const tfx_registry *r, size_t i)
{
    return &r->refused[i];
}
