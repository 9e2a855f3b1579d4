#include "framework/spec/ini.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/spec/keys.h"

/* A spec is a page of text: whatever is larger was named by mistake. */
#define MAX_FILE ((size_t)4 << 20)

/* ---- kinds of sections ---- */

static const char *const kinds[] = {"experiment", "vars", "data",  "train",  "model",
                                    "scaling",    "arm",  "sweep", "profile"};
#define N_KINDS (sizeof(kinds) / sizeof(*kinds))
#define FIRST_NAMED 4

const char *const *tfx_section_kinds(size_t *n)
{
    *n = N_KINDS;
    return kinds;
}

int tfx_section_kind(const char *kind, int *named)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        if (!strcmp(kind, kinds[i])) {
            *named = i >= FIRST_NAMED;
            return 1;
        }
    }
    return 0;
}

/* ---- the container ---- */

void tfx_ini_destroy(tfx_ini *ini)
{
    if (!ini)
        return;
    for (size_t i = 0; i < ini->n_sections; i++)
        free(ini->sections[i].keys);
    for (size_t i = 0; i < ini->n_strings; i++)
        free(ini->strings[i]);
    free(ini->sections);
    free(ini->strings);
    free(ini);
}

const char *tfx_ini_keep(tfx_ini *ini, char *s)
{
    *TFX_APPEND(ini->strings, ini->n_strings, ini->cap_strings) = s;
    return s;
}

void tfx_ini_absorb(tfx_ini *into, tfx_ini *from)
{
    for (size_t i = 0; i < from->n_strings; i++)
        tfx_ini_keep(into, from->strings[i]);
    from->n_strings = 0;
    tfx_ini_destroy(from);
}

tfx_ini_section *tfx_ini_find(const tfx_ini *ini, const char *kind, const char *name)
{
    for (size_t i = 0; i < ini->n_sections; i++) {
        tfx_ini_section *s = &ini->sections[i];
        if (!strcmp(s->kind, kind) && !strcmp(s->name ? s->name : "", name ? name : ""))
            return s;
    }
    return NULL;
}

tfx_ini_section *tfx_ini_add_section(tfx_ini *ini, const char *kind, const char *name, const char *file, int line)
{
    tfx_ini_section *s = TFX_APPEND(ini->sections, ini->n_sections, ini->cap_sections);
    s->kind = kind;
    s->name = name;
    s->file = file;
    s->line = line;
    return s;
}

tfx_setting *tfx_section_find(const tfx_ini_section *s, const char *key)
{
    for (size_t i = 0; s && i < s->n_keys; i++)
        if (!strcmp(s->keys[i].key, key))
            return &s->keys[i];
    return NULL;
}

void tfx_section_set(tfx_ini_section *s, const tfx_setting *setting)
{
    tfx_setting *old = tfx_section_find(s, setting->key);
    if (!old)
        old = TFX_APPEND(s->keys, s->n_keys, s->cap_keys);
    *old = *setting;
}

void tfx_section_set_all(tfx_ini_section *s, const tfx_setting *settings, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tfx_section_set(s, &settings[i]);
}

void tfx_section_remove(tfx_ini_section *s, const char *key)
{
    tfx_setting *old = tfx_section_find(s, key);
    if (!old)
        return;
    size_t after = s->n_keys - (size_t)(old - s->keys) - 1;
    memmove(old, old + 1, after * sizeof(*old));
    s->n_keys--;
}

char *tfx_section_title(char *buf, const tfx_ini_section *s)
{
    snprintf(buf, 160, s->name ? "[%s %s]" : "[%s]", s->kind, s->name);
    return buf;
}

tfx_status tfx_ini_fail_unknown(const tfx_ini *ini, const tfx_setting *from, const char *kind, const char *name,
                                const tfx_ini_section *but, tfx_error *err)
{
    tfx_suggest known = {.name = name};
    for (size_t i = 0; i < ini->n_sections; i++)
        if (!strcmp(ini->sections[i].kind, kind) && &ini->sections[i] != but) {
            const tfx_setting *of = tfx_section_find(&ini->sections[i], "sweep.of");
            tfx_suggest_add(&known, "%s", ini->sections[i].name);
            if (of) /* all points of an arm answer to its name */
                tfx_suggest_add(&known, "%s", of->value);
        }
    if (from)
        tfx_fail_at(err, from->file, from->line, "%s: there is no [%s %.100s]", from->key, kind, name);
    else
        tfx_fail(err, TFX_E_INVALID, "there is no [%s %.100s]", kind, name);
    return tfx_suggest_end(&known, NULL, err);
}

/* ---- reading ---- */

/* What the callbacks of inih share. inih asks for one line at a time and calls back for the
 * key in it, so the reader always knows the line of the key that the handler is given. */
typedef struct reader {
    const char *text;
    size_t n, at, max_line;
    const char *file; /* kept by ini */
    int line;
    const char *expect_key; /* the last line, when inih owes a key for it */
    size_t expect_length;
    tfx_ini *ini;
    tfx_error *err;
} reader;

/* The bracket that closes the first one of a line: a point of a sweep has brackets in its name. NULL: there is none. */
static const char *end_of_title(const char *line, size_t n)
{
    int depth = 0;
    for (const char *p = line; p < line + n; p++) {
        depth += (*p == '[') - (*p == ']');
        if (!depth)
            return p;
    }
    return NULL;
}

static tfx_status open_section(reader *r, const char *line, size_t n)
{
    char title[160];
    const char *close = end_of_title(line, n);
    if (!close)
        return tfx_fail_at(r->err, r->file, r->line,
                           "expected \"[section]\" or \"[section NAME]\"; found "
                           "\"%.*s\" without \"]\"",
                           (int)(n < 80 ? n : 80), line);
    const char *rest = close + 1;
    while (rest < line + n && isspace((unsigned char)*rest))
        rest++;
    if (rest < line + n && *rest != ';' && *rest != '#')
        return tfx_fail_at(r->err, r->file, r->line, "expected the end of the line after \"]\"; found \"%.*s\"",
                           (int)(line + n - rest < 80 ? line + n - rest : 80), rest);

    /* Kind, then an optional name. */
    char *kind = tfx_trimmed(line + 1, (size_t)(close - line - 1));
    size_t n_kind = strcspn(kind, " \t"), rest_length = strlen(kind + n_kind);
    const char *name = rest_length ? tfx_ini_keep(r->ini, tfx_trimmed(kind + n_kind, rest_length)) : NULL;
    kind[n_kind] = 0;
    tfx_ini_keep(r->ini, kind);

    int named;
    if (!tfx_section_kind(kind, &named)) {
        tfx_suggest known = {.name = kind};
        for (size_t i = 0; i < N_KINDS; i++)
            tfx_suggest_add(&known, "%s", kinds[i]);
        tfx_fail_at(r->err, r->file, r->line, "unknown section [%.80s]", kind);
        return tfx_suggest_end(&known, NULL, r->err);
    }
    if (named && !name)
        return tfx_fail_at(r->err, r->file, r->line, "[%s] needs a name: [%s NAME]", kind, kind);
    if (!named && name)
        return tfx_fail_at(r->err, r->file, r->line, "[%s] takes no name; found \"%.80s\"", kind, name);
    const char *wrong = !name ? NULL : strcmp(kind, "arm") ? tfx_name_check(name) : tfx_arm_name_check(name);
    if (wrong)
        return tfx_fail_at(r->err, r->file, r->line, "\"%.80s\" cannot be the name of a section: %s", name, wrong);
    const tfx_ini_section *other = tfx_ini_find(r->ini, kind, name);
    if (other)
        return tfx_fail_at(r->err, r->file, r->line, "%s is already at line %d", tfx_section_title(title, other),
                           other->line);
    tfx_ini_add_section(r->ini, kind, name, r->file, r->line);
    return TFX_OK;
}

static tfx_status add_setting(reader *r, const char *key, const char *value)
{
    char **keys, title[160];
    size_t n;
    if (!r->ini->n_sections)
        return tfx_fail_at(r->err, r->file, r->line,
                           "the key \"%.80s\" is in no section; expected a line such as "
                           "[experiment] before it",
                           key);
    tfx_ini_section *s = &r->ini->sections[r->ini->n_sections - 1];
    const char *wrong = tfx_key_expand(key, &keys, &n);
    if (!wrong)
        wrong = tfx_value_check(value);
    for (size_t i = 0; i < n; i++) {
        tfx_setting new = {tfx_ini_keep(r->ini, keys[i]), "", r->file, r->line};
        const tfx_setting *old = tfx_section_find(s, new.key);
        if (wrong)
            continue; /* only handing the strings over */
        if (strchr(new.key, '*') && strcmp(s->kind, "profile") != 0)
            wrong = "\"*\" has a meaning only in a profile";
        else if (old)
            tfx_fail_at(r->err, r->file, r->line, "the key \"%s\" of %s is already set at line %d", new.key,
                        tfx_section_title(title, s), old->line);
        new.value = tfx_ini_keep(r->ini, tfx_strdup(value));
        tfx_section_set(s, &new);
    }
    free(keys);
    if (wrong)
        tfx_fail_at(r->err, r->file, r->line, "\"%.80s\": %s", key, wrong);
    return r->err->status;
}

/* Whether inih has swallowed the last line without finding a key in it. */
static int missed_key(reader *r)
{
    if (r->expect_key && r->err->status == TFX_OK)
        tfx_fail_at(r->err, r->file, r->line, "expected \"key = value\" or \"[section]\"; found \"%.*s\"",
                    (int)(r->expect_length < 80 ? r->expect_length : 80), r->expect_key);
    return r->err->status != TFX_OK;
}

/* Gives inih the next line without indentation, which inih would take for the continuation
 * of a value, and without the line end's '\r'. */
static char *read_line(char *buf, int size, void *stream)
{
    reader *r = stream;
    if (missed_key(r) || r->at == r->n)
        return NULL;
    const char *line = r->text + r->at, *end = memchr(line, '\n', r->n - r->at);
    size_t n = end ? (size_t)(end - line) : r->n - r->at;
    r->at += n + (end != NULL);
    r->line++;
    while (n && isspace((unsigned char)line[n - 1]))
        n--;
    while (n && isspace((unsigned char)*line))
        line++, n--;
    if (n + 2 > (size_t)size || n > r->max_line) {
        size_t most = (size_t)size - 2 < r->max_line ? (size_t)size - 2 : r->max_line;
        tfx_fail_at(r->err, r->file, r->line, "the line has %zu characters; at most %zu are allowed", n, most);
        return NULL;
    }
    r->expect_key = n && !strchr(";#[", *line) ? line : NULL;
    r->expect_length = n;
    if (n && *line == '[' && open_section(r, line, n) != TFX_OK)
        return NULL;
    memcpy(buf, line, n);
    memcpy(buf + n, "\n", 2);
    return buf;
}

static int take_key(void *user, const char *section, const char *key, const char *value)
{
    reader *r = user;
    (void)section; /* inih cuts it at 49 characters; read_line knows the whole */
    r->expect_key = NULL;
    return add_setting(r, key, value) == TFX_OK;
}

/* The offset of the first byte that no text has (control characters, bytes that are not
 * UTF-8), or n. */
static size_t first_bad_byte(const char *text, size_t n)
{
    for (size_t i = 0, length; i < n; i += length) {
        unsigned char c = (unsigned char)text[i];
        length = tfx_utf8_length(text + i, n - i);
        if (!length || (c < ' ' && c != '\t' && c != '\n' && !(c == '\r' && (i + 1 == n || text[i + 1] == '\n'))) ||
            c == 0x7f)
            return i;
    }
    return n;
}

tfx_ini *tfx_ini_parse(const char *text, size_t n, const char *file, size_t max_line, tfx_error *err)
{
    tfx_ini *ini = TFX_NEW(tfx_ini);
    if (n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
        text += 3, n -= 3;
    reader r = {.text = text, .n = n, .max_line = max_line, .ini = ini, .err = err};
    r.file = tfx_ini_keep(ini, tfx_strdup(file));

    size_t bad = first_bad_byte(text, n);
    if (bad < n) {
        int line = 1;
        for (size_t i = 0; i < bad; i++)
            line += text[i] == '\n';
        tfx_fail_at(err, r.file, line, "expected a text file in UTF-8; found the byte 0x%02x",
                    (unsigned char)text[bad]);
        goto fail;
    }

    /* inih's own limit is 200 characters, on the stack. Its settings are process-wide, so
     * they are put back for whoever else reads INI files here. */
    bool use_stack = ini_use_stack, allow_realloc = ini_allow_realloc;
    int old_max_line = ini_max_line, old_initial = ini_initial_alloc;
    ini_use_stack = false;
    ini_allow_realloc = false;
    ini_max_line = ini_initial_alloc = (int)max_line + 3;
    int rc = ini_parse_stream(read_line, &r, take_key, &r);
    ini_use_stack = use_stack;
    ini_allow_realloc = allow_realloc;
    ini_max_line = old_max_line;
    ini_initial_alloc = old_initial;
    if (missed_key(&r))
        goto fail;
    if (rc != 0) { /* nothing that read_line and take_key let pass should come here */
        if (rc == -2)
            tfx_fail(err, TFX_E_MEMORY, "%s: out of memory", file);
        else
            tfx_fail_at(err, file, rc, "this line cannot be read");
        goto fail;
    }
    return ini;
fail:
    tfx_ini_destroy(ini);
    return NULL;
}

tfx_ini *tfx_ini_read(const char *file, tfx_error *err)
{
    tfx_ini *ini = NULL;
    char *text = NULL;
    size_t n = 0, cap = 0;
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        tfx_fail(err, TFX_E_INVALID, "%s: cannot open the spec: %s", file, strerror(errno));
        goto done;
    }
    if (S_ISDIR(st.st_mode)) {
        tfx_fail(err, TFX_E_INVALID, "%s: expected a spec file; found a directory", file);
        goto done;
    }
    for (;;) {
        if (n == cap) {
            cap = cap ? cap * 2 : 16384;
            text = tfx_realloc(text, cap);
        }
        ssize_t got = read(fd, text + n, cap - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            tfx_fail(err, TFX_E_IO, "%s: cannot read the spec: %s", file, strerror(errno));
            goto done;
        }
        if (!got)
            break;
        n += (size_t)got;
        if (n > MAX_FILE) {
            tfx_fail(err, TFX_E_INVALID, "%s: expected a spec file of at most %zu bytes; this one is larger", file,
                     MAX_FILE);
            goto done;
        }
    }
    ini = tfx_ini_parse(text, n, file, TFX_INI_MAX_LINE, err);
done:
    if (fd >= 0)
        close(fd);
    free(text);
    return ini;
}
