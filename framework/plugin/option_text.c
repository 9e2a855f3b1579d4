#include "framework/plugin/option_text.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "framework/base/memory.h"

/* What a suffix multiplies by, as a power of ten; 0: it is none. */
static int suffix_exponent(char c)
{
    return c == 'k' ? 3 : c == 'M' ? 6 : c == 'G' ? 9 : c == 'T' ? 12 : 0;
}

/* Decimal digits with an optional suffix k, M, G or T. A fraction is fine as long as the
 * suffix makes the value whole: 1.5k is 1500. */
int tfx_option_read_int(const char *s, int64_t *out)
{
    int negative = *s == '-', digits = 0, decimals = 0, point = 0, exponent;
    int64_t v = 0;
    if (*s == '-' || *s == '+')
        s++;
    for (; isdigit((unsigned char)*s) || (*s == '.' && !point); s++) {
        if (*s == '.') {
            point = 1;
            continue;
        }
        int d = *s - '0';
        if (__builtin_mul_overflow(v, (int64_t)10, &v) || __builtin_add_overflow(v, (int64_t)(negative ? -d : d), &v))
            return -1;
        digits++;
        decimals += point;
    }
    exponent = suffix_exponent(*s);
    s += exponent != 0;
    if (!digits || *s || (point && (!decimals || decimals > exponent)))
        return -1;
    for (int i = decimals; i < exponent; i++)
        if (__builtin_mul_overflow(v, (int64_t)10, &v))
            return -1;
    *out = v;
    return 0;
}

int tfx_option_read_real(const char *s, double *out)
{
    /* strtod also takes hexadecimal, "inf" and "nan", which nobody writes on purpose. */
    size_t n = strspn(s, "+-.0123456789eE");
    int exponent = suffix_exponent(s[n]);
    if (!n || s[n + (exponent != 0)])
        return -1;
    char *end;
    *out = strtod(s, &end);
    if (exponent)
        *out *= pow(10, exponent);
    return end != s + n || !isfinite(*out) ? -1 : 0;
}

int tfx_option_read_bool(const char *s, int64_t *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (!strcasecmp(s, words[i])) {
            *out = i & 1;
            return 0;
        }
    }
    return -1;
}

void tfx_option_add_real(tfx_text *t, double x)
{
    char buf[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, sizeof(buf), "%.*g", digits, x);
        if (strtod(buf, NULL) == x)
            break;
    }
    tfx_text_add(t, "%s", buf);
}

/* ---- paths ---- */

/* The folder of `file`, absolute and without symbolic links where it exists. */
static char *folder_of(const char *file)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    char *name = slash ? tfx_strndup(file, (size_t)(slash - file) + 1) : tfx_strdup("");
    char *real = realpath(*name ? name : ".", NULL), cwd[PATH_MAX];
    if (!real && *name == '/')
        real = tfx_strdup(name);
    else if (!real)
        real = tfx_printf("%s/%s", getcwd(cwd, sizeof(cwd)) ? cwd : "", name);
    free(name);
    return real;
}

/* Leading ".." parts are taken off the folder, which has no symbolic links; later ones stay, because their meaning
 * depends on the links that the path itself goes through. */
char *tfx_option_absolute_path(const char *value, const char *file)
{
    tfx_text t = {0};
    const char *p = value;
    int leading = 1;
    if (*p != '/') {
        char *folder = folder_of(file);
        tfx_text_add(&t, "%s", folder);
        free(folder);
        while (t.n && t.s[t.n - 1] == '/')
            t.s[--t.n] = 0;
    }
    while (*p) {
        size_t n = strcspn(p, "/");
        if (n == 2 && !strncmp(p, "..", 2) && leading) {
            char *slash = t.s ? strrchr(t.s, '/') : NULL;
            if (slash) {
                *slash = 0;
                t.n = (size_t)(slash - t.s);
            }
        } else if (n && !(n == 1 && *p == '.')) {
            tfx_text_add(&t, "/%.*s", (int)n, p);
            leading = 0;
        }
        p += n;
        p += *p == '/';
    }
    if (!t.n)
        tfx_text_add(&t, "/");
    return t.s;
}
