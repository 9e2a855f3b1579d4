#include "framework/spec/sweep.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"
#include "framework/base/text.h"
#include "framework/spec/declarations.h"
#include "framework/spec/keys.h"
#include "framework/spec/overlay.h"

/* A key of arms with the values that it takes. */
typedef struct axis {
    const tfx_setting *setting;
    const char *label; /* the end of the key that tells it from the others */
    char **values;
    size_t n, cap;
} axis;

typedef struct sweep {
    const tfx_ini_section *section;
    tfx_options *host;
    const char *const *arms;
    size_t n_arms;
    axis *axes;
    size_t n_axes, cap_axes;
    double n_points; /* of each arm; there may be more than can be counted otherwise */
} sweep;

static void sweep_finish(sweep *s)
{
    for (size_t i = 0; i < s->n_axes; i++) {
        for (size_t k = 0; k < s->axes[i].n; k++)
            free(s->axes[i].values[k]);
        free(s->axes[i].values);
    }
    free(s->axes);
    tfx_options_destroy(s->host);
}

/* Names are typed on command lines and become names of files, so of a value they have what needs no quotes there. */
static char in_name(char c)
{
    return isalnum((unsigned char)c) || strchr("._+-", c) ? c : '_';
}

static int same_in_names(const char *a, const char *b)
{
    while (*a && *b && in_name(*a) == in_name(*b))
        a++, b++;
    return !*a && !*b;
}

/* ---- reading ---- */

/* Keys of [arm] that say which arms there are, not what one is like. */
static int makes_arms(const char *key)
{
    static const char *const keys[] = {"extends", "drop", "twin", "twins", "sweep"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (!strcmp(key, keys[i]) || tfx_key_below(key, keys[i]))
            return 1;
    return 0;
}

/* What is below train is checked where it is used; of the rest, a slip may be one in a key of the sweep itself. */
static tfx_status check_known(const tfx_ini_section *section, const tfx_setting *setting, tfx_error *err)
{
    char title[160];
    tfx_suggest known = {.name = setting->key};
    int found = tfx_key_below(setting->key, "train");
    for (int arm = 0; arm <= 1; arm++) {
        size_t n;
        const tfx_option *decl = tfx_spec_declaration(arm ? "arm" : "sweep", &n);
        for (size_t i = 0; i < n; i++) {
            const char *name = tfx_option_at(decl, i)->name;
            found |= !strcmp(name, setting->key);
            if (!makes_arms(name))
                tfx_suggest_add(&known, "%s", name);
        }
    }
    if (!found)
        tfx_fail_at(err, setting->file, setting->line, "unknown key \"%s\" in %s", setting->key,
                    tfx_section_title(title, section));
    return tfx_suggest_end(&known, NULL, err);
}

static tfx_status read_axis(sweep *s, const tfx_setting *setting, tfx_error *err)
{
    char title[160];
    axis *a = TFX_APPEND(s->axes, s->n_axes, s->cap_axes);
    a->setting = setting;
    tfx_section_title(title, s->section);
    if (check_known(s->section, setting, err) != TFX_OK)
        return err->status;
    if (makes_arms(setting->key))
        return tfx_fail_at(err, setting->file, setting->line,
                           "%s: \"%s\" cannot be swept: expected a key that says how an arm is trained", title,
                           setting->key);
    for (const char *p = setting->value;; p++) {
        size_t length = strcspn(p, ",");
        char *value = tfx_trimmed(p, length);
        *TFX_APPEND(a->values, a->n, a->cap) = value;
        if (!*value)
            return tfx_fail_at(err, setting->file, setting->line,
                               "%s: %s: expected values separated by commas; found %s", title, setting->key,
                               *setting->value ? "an empty one" : "nothing");
        for (size_t i = 0; i + 1 < a->n; i++)
            if (same_in_names(a->values[i], value))
                return tfx_fail_at(err, setting->file, setting->line,
                                   "%s: %s: expected values that make different names; found %s and %s", title,
                                   setting->key, a->values[i], value);
        p += length;
        if (!*p)
            return TFX_OK;
    }
}

/* The last parts of each key, as many as it takes until no other one ends like this. */
static void label_axes(sweep *s)
{
    for (size_t i = 0; i < s->n_axes; i++) {
        const char *key = s->axes[i].setting->key, *label = key + strlen(key);
        for (int unique = 0; label > key && !unique;) {
            label -= label[-1] == '.';
            while (label > key && label[-1] != '.')
                label--;
            unique = 1;
            for (size_t k = 0; k < s->n_axes; k++) {
                const char *other = s->axes[k].setting->key;
                size_t n = strlen(other), length = strlen(label);
                unique &= k == i || n < length || strcmp(other + n - length, label) ||
                          (n > length && other[n - length - 1] != '.');
            }
        }
        s->axes[i].label = label;
    }
}

static tfx_status count_points(sweep *s, int zip, tfx_error *err)
{
    char title[160];
    const tfx_ini_section *at = s->section;
    tfx_section_title(title, at);
    if (!s->n_axes)
        return tfx_fail_at(err, at->file, at->line,
                           "%s: expected a key of arms with its values, such as train.lr = 1e-3, 2e-3; found none",
                           title);
    s->n_points = zip ? (double)s->axes[0].n : 1;
    for (size_t i = 0; i < s->n_axes; i++) {
        const axis *a = &s->axes[i];
        if (zip && a->n != s->axes[0].n)
            return tfx_fail_at(err, a->setting->file, a->setting->line,
                               "%s: zip: expected as many values of %s as of %s, %zu; found %zu", title,
                               a->setting->key, s->axes[0].setting->key, s->axes[0].n, a->n);
        if (!zip)
            s->n_points *= (double)a->n;
    }
    return TFX_OK;
}

static tfx_status sweep_read(sweep *s, const tfx_ini_section *section, tfx_error *err)
{
    char title[160];
    size_t n, n_mine = 0;
    const tfx_option *decl = tfx_spec_declaration("sweep", &n);
    tfx_setting *mine = TFX_NEW_ARRAY(tfx_setting, section->n_keys);
    *s = (sweep){.section = section};
    for (size_t i = 0; i < section->n_keys && err->status == TFX_OK; i++)
        if (tfx_option_find(decl, n, section->keys[i].key))
            mine[n_mine++] = section->keys[i];
        else
            read_axis(s, &section->keys[i], err);
    if (err->status == TFX_OK)
        s->host = tfx_options_resolve(decl, n, mine, n_mine, tfx_section_title(title, section), err);
    free(mine);
    if (!s->host) {
        tfx_error_locate(err, section->file, section->line);
        return err->status;
    }
    s->arms = tfx_options_string_list(s->host, "arms", &s->n_arms);
    label_axes(s);
    return count_points(s, tfx_options_bool(s->host, "zip"), err);
}

/* Whether the sweep's arms are there; `of` has the sweep of each section, n_sweeps: none yet. */
static tfx_status claim_arms(const tfx_ini *ini, const sweep *sweeps, size_t at, size_t n_sweeps, size_t *of,
                             tfx_error *err)
{
    const sweep *s = &sweeps[at];
    const tfx_setting *arms = tfx_section_find(s->section, "arms");
    for (size_t i = 0; i < s->n_arms; i++) {
        const tfx_ini_section *arm = tfx_ini_find(ini, "arm", s->arms[i]);
        if (!arm)
            return tfx_ini_fail_unknown(ini, arms, "arm", s->arms[i], NULL, err);
        size_t *claimed = &of[arm - ini->sections];
        if (*claimed == at)
            return tfx_fail_at(err, arms->file, arms->line, "arms: expected different names; found %s twice",
                               arm->name);
        if (*claimed != n_sweeps)
            return tfx_fail_at(err, arms->file, arms->line,
                               "arms: [arm %s] is in [sweep %s] already; expected one sweep with the keys of both",
                               arm->name, sweeps[*claimed].section->name);
        *claimed = at;
    }
    return s->n_arms ? TFX_OK : tfx_fail_at(err, arms->file, arms->line, "arms: expected names of arms; found nothing");
}

/* ---- points ---- */

/* Which value a point takes of an axis; the last axis changes first. */
static size_t value_at(const sweep *s, size_t point, size_t which)
{
    if (tfx_options_bool(s->host, "zip"))
        return point;
    for (size_t i = s->n_axes - 1; i > which; i--)
        point /= s->axes[i].n;
    return point % s->axes[which].n;
}

static void set(tfx_ini_section *arm, const char *key, const char *value)
{
    const tfx_setting s = {key, value, arm->file, arm->line};
    tfx_section_set(arm, &s);
}

/* The arm with the values of one point. */
static tfx_ini_section make_point(const tfx_registry *registry, tfx_ini *ini, const sweep *s,
                                  const tfx_ini_section *arm, size_t point)
{
    tfx_ini_section out = {.kind = arm->kind, .file = arm->file, .line = arm->line};
    tfx_setting *over = TFX_NEW_ARRAY(tfx_setting, s->n_axes);
    tfx_text name = {0};
    cJSON *json = cJSON_CreateObject();
    tfx_text_add(&name, "%s[", arm->name);
    for (size_t i = 0; i < s->n_axes; i++) {
        const axis *a = &s->axes[i];
        over[i] = *a->setting;
        over[i].value = tfx_ini_keep(ini, tfx_strdup(a->values[value_at(s, point, i)]));
        tfx_text_add(&name, "%s%s=", i ? "," : "", a->label);
        for (const char *c = over[i].value; *c; c++)
            tfx_text_add(&name, "%c", in_name(*c));
        cJSON_AddStringToObject(json, over[i].key, over[i].value);
    }
    tfx_text_add(&name, "]");
    out.name = tfx_ini_keep(ini, name.s);
    tfx_section_set_all(&out, arm->keys, arm->n_keys);
    tfx_section_overlay(registry, ini, &out, over, s->n_axes);
    set(&out, "sweep", s->section->name);
    set(&out, "sweep.of", arm->name);
    set(&out, "sweep.point", tfx_ini_keep(ini, cJSON_PrintUnformatted(json)));
    cJSON_Delete(json);
    free(over);
    return out;
}

/* Points of one sweep have different names, since their values have. */
static tfx_status check_name(const tfx_ini *ini, const tfx_ini_section *point, const sweep *s, tfx_error *err)
{
    char title[160];
    const char *wrong = tfx_arm_name_check(point->name);
    if (!wrong && tfx_ini_find(ini, "arm", point->name))
        wrong = "there is such an arm already";
    if (wrong)
        tfx_fail_at(err, s->section->file, s->section->line, "%s: a point would be called \"%.200s\": %s",
                    tfx_section_title(title, s->section), point->name, wrong);
    return err->status;
}

/* Puts the points of each arm into its place. */
static tfx_status replace_arms(const tfx_registry *registry, tfx_ini *ini, const sweep *sweeps, size_t n_sweeps,
                               const size_t *of, tfx_error *err)
{
    tfx_ini_section *out = NULL;
    size_t n = 0, cap = 0;
    for (size_t i = 0; i < ini->n_sections; i++) {
        const tfx_ini_section *arm = &ini->sections[i];
        if (!strcmp(arm->kind, "sweep"))
            continue;
        if (of[i] == n_sweeps)
            *TFX_APPEND(out, n, cap) = *arm;
        for (size_t k = 0; of[i] < n_sweeps && k < (size_t)sweeps[of[i]].n_points && err->status == TFX_OK; k++) {
            const tfx_ini_section point = make_point(registry, ini, &sweeps[of[i]], arm, k);
            check_name(ini, &point, &sweeps[of[i]], err);
            *TFX_APPEND(out, n, cap) = point;
        }
    }
    for (size_t i = 0; i < ini->n_sections; i++)
        if (!strcmp(ini->sections[i].kind, "sweep") || of[i] < n_sweeps)
            free(ini->sections[i].keys);
    free(ini->sections);
    ini->sections = out;
    ini->n_sections = n;
    ini->cap_sections = cap;
    return err->status;
}

/* All arms that there would be; the sweep that makes too many is at fault. */
static tfx_status check_size(const tfx_ini *ini, const sweep *sweeps, size_t n_sweeps, tfx_error *err)
{
    char title[160];
    double all = 0;
    for (size_t i = 0; i < ini->n_sections; i++)
        all += !strcmp(ini->sections[i].kind, "arm");
    for (size_t i = 0; i < n_sweeps; i++) {
        const sweep *s = &sweeps[i];
        all += (double)s->n_arms * (s->n_points - 1);
        if (all > TFX_SWEEP_MAX_ARMS)
            return tfx_fail_at(err, s->section->file, s->section->line,
                               "%s: expected at most %d arms in all; found %.0f, with %.0f points of %zu arm%s",
                               tfx_section_title(title, s->section), TFX_SWEEP_MAX_ARMS, all, s->n_points, s->n_arms,
                               s->n_arms == 1 ? "" : "s");
    }
    return TFX_OK;
}

tfx_status tfx_sweeps_apply(const tfx_registry *registry, tfx_ini *ini, tfx_error *err)
{
    size_t n = 0;
    sweep *sweeps = TFX_NEW_ARRAY(sweep, ini->n_sections);
    size_t *of = TFX_NEW_ARRAY(size_t, ini->n_sections);
    for (size_t i = 0; i < ini->n_sections && err->status == TFX_OK; i++)
        if (!strcmp(ini->sections[i].kind, "sweep"))
            sweep_read(&sweeps[n++], &ini->sections[i], err);
    for (size_t i = 0; i < ini->n_sections; i++)
        of[i] = n;
    for (size_t i = 0; i < n && err->status == TFX_OK; i++)
        claim_arms(ini, sweeps, i, n, of, err);
    if (n && err->status == TFX_OK && check_size(ini, sweeps, n, err) == TFX_OK)
        replace_arms(registry, ini, sweeps, n, of, err);
    for (size_t i = 0; i < n; i++)
        sweep_finish(&sweeps[i]);
    free(sweeps);
    free(of);
    return err->status;
}
