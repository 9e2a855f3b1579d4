#include "framework/plugin/templates.h"

#include <ctype.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/text.h"
#include "framework/plugin/classes.h"

/* What stands for the name of the plugin. */
#define PLACEHOLDER "my_plugin"

typedef struct template_file {
    const char *name, *text;
} template_file;

typedef struct template_kind {
    const char *word;
    template_file files[TFX_TEMPLATE_FILES]; /* besides the Makefile, which all have */
} template_kind;

/* Made from the files by tools/embed-text: tfx_template_KIND_FILE. */
extern const char tfx_template_Makefile[];
#define DECLARE(kind) \
    extern const char tfx_template_##kind##_my_plugin_c[], tfx_template_##kind##_my_plugin_ini[], \
        tfx_template_##kind##_test_sh[]
DECLARE(layer);
DECLARE(optimizer);
DECLARE(loader);
DECLARE(scaling);
DECLARE(operator);
DECLARE(op);
DECLARE(tokenizer);
DECLARE(backend);
extern const char tfx_template_loader_train_txt[], tfx_template_loader_val_txt[];
extern const char tfx_template_backend_my_plugin_ops_h[], tfx_template_tokenizer_pieces_txt[];

#define FILES(kind) \
    {"my_plugin.c", tfx_template_##kind##_my_plugin_c}, {"my_plugin.ini", tfx_template_##kind##_my_plugin_ini}, \
    { \
        "test.sh", tfx_template_##kind##_test_sh \
    }

static const template_kind kinds[] = {
    {"layer", {FILES(layer)}},
    {"optimizer", {FILES(optimizer)}},
    {"loader", {FILES(loader), {"train.txt", tfx_template_loader_train_txt}, {"val.txt", tfx_template_loader_val_txt}}},
    {"scaling", {FILES(scaling)}},
    {"operator", {FILES(operator)}},
    {"op", {FILES(op)}},
    {"tokenizer", {FILES(tokenizer), {"pieces.txt", tfx_template_tokenizer_pieces_txt}}},
    {"backend", {FILES(backend), {"my_plugin_ops.h", tfx_template_backend_my_plugin_ops_h}}},
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

const char *tfx_template_kinds(void)
{
    static char words[128];
    if (!*words)
        for (size_t i = 0; i < N_KINDS; i++)
            strcat(strcat(words, i ? ", " : ""), kinds[i].word);
    return words;
}

static const template_kind *find_kind(const char *word, tfx_error *err)
{
    tfx_suggest known = {.name = word, .listed = 1};
    for (size_t i = 0; i < N_KINDS; i++)
        if (!strcmp(kinds[i].word, word))
            return &kinds[i];
    for (size_t i = 0; i < N_KINDS; i++)
        tfx_suggest_add(&known, "%s", kinds[i].word);
    tfx_fail(err, TFX_E_INVALID, "plugin new: expected a kind of plugin (%s); found \"%s\"", tfx_template_kinds(),
             word);
    tfx_suggest_end(&known, NULL, err);
    return NULL;
}

static tfx_status check_name(const tfx_registry *r, const char *name, tfx_error *err)
{
    size_t n = 0;
    while (isalnum((unsigned char)name[n]) || name[n] == '_')
        n++;
    if (name[n] || !isalpha((unsigned char)*name) || n > TFX_TEMPLATE_NAME_LIMIT)
        return tfx_fail(err, TFX_E_INVALID,
                        "plugin new: expected a name of at most %d letters, digits and '_' that begins with a letter, "
                        "since C identifiers are made of it; found \"%s\"",
                        TFX_TEMPLATE_NAME_LIMIT, name);
    for (size_t i = 0; i < tfx_registry_count(r); i++) {
        const tfx_loaded_plugin *p = tfx_registry_at(r, i);
        if (!strcmp(p->entry->name, name))
            return tfx_fail(err, TFX_E_INVALID, "plugin new: there is a plugin \"%s\" already, %s; choose another name",
                            name, p->path);
        for (size_t j = 0; p->entry->factories[j]; j++) {
            const tfx_factory *f = p->entry->factories[j];
            if (tfx_kind_word(f->kind) && !strcmp(tfx_class_describe(f->kind, f->impl).name, name))
                return tfx_fail(err, TFX_E_INVALID,
                                "plugin new: there is a %s \"%s\" already, in %s; choose another name",
                                tfx_kind_word(f->kind), name, p->path);
        }
    }
    return TFX_OK;
}

/* A text with the name in place of the placeholder. */
static char *named(const char *text, const char *name)
{
    tfx_text t = {0};
    tfx_text_add(&t, "%s", "");
    for (const char *next; (next = strstr(text, PLACEHOLDER)); text = next + strlen(PLACEHOLDER))
        tfx_text_add(&t, "%.*s%s", (int)(next - text), text, name);
    tfx_text_add(&t, "%s", text);
    return t.s;
}

static void add_file(tfx_new_plugin *p, const char *file, const char *text, const char *name)
{
    p->names[p->n] = named(file, name);
    p->texts[p->n++] = named(text, name);
}

tfx_status tfx_template_make(const tfx_registry *r, const char *kind, const char *name, tfx_new_plugin *out,
                             tfx_error *err)
{
    *out = (tfx_new_plugin){0};
    const template_kind *k = find_kind(kind, err);
    if (!k || check_name(r, name, err) != TFX_OK)
        return err->status;
    for (const template_file *f = k->files; f->name; f++)
        add_file(out, f->name, f->text, name);
    add_file(out, "Makefile", tfx_template_Makefile, name);
    return TFX_OK;
}

void tfx_new_plugin_free(tfx_new_plugin *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->names[i]);
        free(p->texts[i]);
    }
    *p = (tfx_new_plugin){0};
}
