/* The child's side: loads the plugin, finds the class, and carries out the rule. */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/conformance/child.h"
#include "framework/conformance/got.h"
#include "framework/conformance/made_up.h"
#include "framework/conformance/trial.h"
#include "framework/plugin/calls/call.h"
#include "framework/plugin/calls/crash.h"

/* A plugin must not exit. Nothing tells who called exit but the call that was going on. */
static int exit_record = -1, may_exit;

static void on_exit_early(void)
{
    const tfx_call *c = tfx_call_current();
    if (may_exit || exit_record < 0)
        return;
    if (c && c->kind)
        dprintf(exit_record, "%s %s called exit in `%s`", tfx_kind_word(c->kind),
                tfx_class_describe(c->kind, c->impl).name, c->function);
    else
        dprintf(exit_record, "exit was called while the plugin was loaded");
}

/* A plugin among the libraries that it is linked with; NULL: there is none. */
static const char *linked_plugin(const tfx_plugin *entry)
{
    Dl_info info;
    struct link_map *l = NULL;
    const char *names = NULL;
    if (!dladdr1(entry, &info, (void **)&l, RTLD_DL_LINKMAP) || !l)
        return NULL;
    for (const ElfW(Dyn) *d = l->l_ld; d->d_tag != DT_NULL; d++)
        if (d->d_tag == DT_STRTAB)
            names = (const char *)d->d_un.d_ptr;
    for (const ElfW(Dyn) *d = l->l_ld; names && d->d_tag != DT_NULL; d++) {
        if (d->d_tag != DT_NEEDED)
            continue;
        void *handle = dlopen(names + d->d_un.d_val, RTLD_NOW | RTLD_NOLOAD);
        if (handle && dlsym(handle, "tfx_plugin_entry"))
            return names + d->d_un.d_val;
    }
    return NULL;
}

static int is_line(const char *text)
{
    return *text && !strchr(text, '\n');
}

/* What the registry does not ask for. */
static void check_entry(tfx_subject *s)
{
    const tfx_plugin *e = s->plugin->entry;
    int n = 0;
    const char *other = linked_plugin(e);
    if (other)
        tfx_say_fail(s, "it is linked with another plugin, %s", other);
    if (!is_line(e->summary))
        tfx_say_fail(s, "the plugin's summary is %s; expected one line", *e->summary ? "several lines" : "empty");
    for (size_t i = 0; e->factories[i]; i++) {
        const tfx_factory *f = e->factories[i];
        if (!tfx_kind_word(f->kind)) {
            const char *near = tfx_kind_nearest(f->kind);
            tfx_say_note(s, "this tfx does not know the kind \"%s\"%s%s%s", f->kind, near ? "; did you mean \"" : "",
                         near ? near : "", near ? "\"?" : "");
            continue;
        }
        const tfx_class_info c = tfx_class_describe(f->kind, f->impl);
        if (!is_line(c.summary))
            tfx_say_fail(s, "the summary of %s %s is %s; expected one line", c.kind, c.name,
                         *c.summary ? "several lines" : "empty");
        tfx_say(s, "class", "%s/%s", c.kind, c.name);
        n++;
    }
    tfx_say_ok(s, "%s %s, ABI %u.%u, with %d class%s", e->name, e->version, e->abi_major, e->abi_minor, n,
               n == 1 ? "" : "es");
}

/* "layer/mlp" */
static int find_class(tfx_subject *s, const char *cls)
{
    const char *slash = strchr(cls, '/');
    for (size_t i = 0; slash && s->plugin->entry->factories[i]; i++) {
        const tfx_factory *f = s->plugin->entry->factories[i];
        const char *word = tfx_kind_word(f->kind);
        if (!word || strlen(word) != (size_t)(slash - cls) || strncmp(word, cls, strlen(word)))
            continue;
        s->info = tfx_class_describe(f->kind, f->impl);
        s->kind = f->kind;
        s->impl = f->impl;
        if (!strcmp(s->info.name, slash + 1))
            return 1;
    }
    return 0;
}

static const tfx_rule *find_rule(const char *kind, const char *name)
{
    for (const tfx_rule *r = tfx_class_rules; r->name; r++)
        if (!strcmp(r->name, name) && (!r->kind || !strcmp(r->kind, kind)))
            return r;
    return NULL;
}

/* Where a class refuses what was made up and says which option it is about, that one is made up as well. */
static void settle_options(tfx_subject *s)
{
    static const char *const kinds[] = {TFX_KIND_LOADER, TFX_KIND_SCALING, TFX_KIND_OPERATOR, TFX_KIND_BACKEND,
                                        TFX_KIND_TOKENIZER};
    int tried = 0;
    tfx_make_up_settings(s);
    for (int i = 0; i < 5; i++)
        tried |= !strcmp(s->kind, kinds[i]);
    for (int i = 0; tried && s->info.n_options && i < 8; i++) {
        tfx_error err = {0}, unused = {0};
        tfx_options *o = tfx_subject_options(s, &unused);
        if (!o)
            return;
        int again = tfx_trial(s, NULL, NULL, &err) != TFX_OK && tfx_make_up_blamed(s, o, err.text);
        tfx_options_destroy(o);
        if (!again)
            return;
    }
}

/* How the processor rounds, and whether it takes tiny numbers for zero: not the flags of what has happened. */
static unsigned float_mode(void)
{
#if defined(__x86_64__)
    return __builtin_ia32_stmxcsr() & 0xffc0u;
#elif defined(__aarch64__)
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return (unsigned)fpcr;
#else
    return 0;
#endif
}

void tfx_child_carry_out(const tfx_child_order *o, int out, int crash_fd)
{
    tfx_error err = {0};
    tfx_subject s = {.sets = o->sets, .n_sets = o->n_sets, .folder = o->folder, .out = out};
    tfx_crash_record(crash_fd);
    exit_record = crash_fd;
    atexit(on_exit_early);
    const unsigned before = float_mode();
    tfx_registry *r = tfx_registry_open_with(o->file, o->plugin_dir, &err);
    s.registry = r;
    s.float_mode_changed = float_mode() != before;
    if (!r) {
        tfx_say_fail(&s, "%s", err.text);
    } else {
        s.plugin = tfx_registry_at(r, 0);
        const tfx_rule *rule = NULL;
        if (!o->cls)
            check_entry(&s);
        else if (find_class(&s, o->cls))
            rule = find_rule(s.kind, o->rule);
        if (rule) {
            snprintf(s.name, sizeof(s.name), "%s %s", s.info.kind, s.info.name);
            if (strcmp(s.kind, TFX_KIND_BACKEND)) { /* which measures */
                tfx_got_intercept(s.impl);
                tfx_got_jump_clocks();
            }
            settle_options(&s);
            rule->carry_out(&s);
        }
    }
    tfx_subject_finish(&s);
    tfx_registry_close(r);
    fflush(stdout);
    may_exit = 1;
    tfx_say(&s, "end", "%s", "");
}
