#include "framework/spec/keys.h"

#include <ctype.h>
#include <string.h>

#include "framework/base/memory.h"

/* Of a section; messages say it, too. */
#define MAX_NAME 100

int tfx_key_is_length(const char *key)
{
    return !strcmp(key, "steps") || !strcmp(key, "tokens") || !strcmp(key, "flops");
}

int tfx_key_below(const char *key, const char *parent)
{
    size_t n = strlen(parent);
    return !strncmp(key, parent, n) && key[n] == '.';
}

/* Letters, digits, _ and - in parts joined by dots; "*" may stand for a whole part, which
 * only a profile's address gives a meaning. */
static const char *check_key(const char *key)
{
    const char *part = key;
    if (strlen(key) > TFX_KEY_MAX)
        return "the key is longer than 400 characters";
    for (const char *p = key;; p++) {
        if (*p == '.' || !*p) {
            if (p == part)
                return *key ? "the key has an empty part" : "there is no key before the \"=\"";
            part = p + 1;
            if (!*p)
                return NULL;
        } else if (*p == '*') {
            if (p != part || (p[1] && p[1] != '.'))
                return "\"*\" must be a whole part of a key";
        } else if (!isalnum((unsigned char)*p) && *p != '_' && *p != '-') {
            return "a key has letters, digits, _, - and parts joined by dots";
        }
    }
}

static const char *expand(const char *key, char ***out, size_t *n, size_t *cap)
{
    const char *open = strchr(key, '{'), *close = open ? strchr(open, '}') : NULL;
    if (!open) {
        const char *wrong = strchr(key, '}') ? "a \"}\" without \"{\"" : check_key(key);
        if (wrong)
            return wrong;
        if (*n >= 1024)
            return "the braces stand for more than 1024 keys";
        *TFX_APPEND(*out, *n, *cap) = tfx_strdup(key);
        return NULL;
    }
    if (!close)
        return "a \"{\" without \"}\"";
    if (memchr(open + 1, '{', (size_t)(close - open - 1)))
        return "braces inside braces";
    for (const char *p = open + 1;;) {
        size_t length = strcspn(p, ",}");
        char *alternative = tfx_trimmed(p, length);
        char *one = tfx_printf("%.*s%s%s", (int)(open - key), key, alternative, close + 1);
        const char *wrong = *alternative ? expand(one, out, n, cap) : "an empty alternative between braces";
        free(alternative);
        free(one);
        if (wrong)
            return wrong;
        p += length;
        if (*p == '}')
            return NULL;
        p++;
    }
}

const char *tfx_key_expand(const char *key, char ***out, size_t *n)
{
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    const char *wrong = strlen(key) > 4 * TFX_KEY_MAX ? "the key is longer than 1600 characters"
                                                      : expand(key, out, n, &cap);
    while (wrong && *n)
        free((*out)[--*n]);
    return wrong;
}

const char *tfx_name_check(const char *name)
{
    if (strlen(name) > MAX_NAME)
        return "it is longer than 100 characters";
    if (!isalnum((unsigned char)*name) && *name != '_')
        return "it must start with a letter, a digit or _";
    for (; *name; name++)
        if (!isalnum((unsigned char)*name) && !strchr("-_.", *name))
            return "only letters, digits, -, _ and . are allowed";
    return NULL;
}

const char *tfx_arm_name_check(const char *name)
{
    const char *open = strchr(name, '[');
    size_t length = strlen(name);
    if (!open)
        return tfx_name_check(name);
    if (length > MAX_NAME)
        return "it is longer than 100 characters";
    if (name[length - 1] != ']' || !strchr(open, '='))
        return "brackets hold a point of a sweep, as in small[lr=1e-3]";
    for (const char *p = open + 1; p < name + length - 1; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-_.+=,", *p))
            return "only letters, digits, -, _, ., +, = and , are allowed between brackets";
    char *base = tfx_strndup(name, (size_t)(open - name));
    const char *wrong = tfx_name_check(base);
    free(base);
    return wrong;
}

const char *tfx_value_check(const char *value)
{
    if (*value == ';')
        return "a value cannot start with \";\", which starts a comment";
    for (const char *p = value; *p; p++) {
        if ((unsigned char)*p < ' ' && *p != '\t')
            return "a value cannot contain line breaks or other control characters";
        if (*p == ';' && p > value && isspace((unsigned char)p[-1]))
            return "a value cannot contain \" ;\", which starts a comment";
    }
    return NULL;
}

char *tfx_key_general(const char *key)
{
    const char *number = key + strlen("blocks."), *end = number;
    if (!tfx_key_below(key, "blocks"))
        return NULL;
    while (isdigit((unsigned char)*end))
        end++;
    if (end == number || (*end && *end != '.'))
        return NULL;
    return tfx_printf("blocks%s", end);
}
