#include "framework/spec/budget.h"

#include <math.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/plugin/option_text.h"

#define ARM "arm:"

int tfx_budget_names_arm(const char *value)
{
    return strstr(value, ARM) != NULL;
}

/* "arm:NAME" with a name; heap, NULL: it is none. */
static char *arm_of(const char *text)
{
    return strncmp(text, ARM, strlen(ARM)) || !text[strlen(ARM)] ? NULL : tfx_strdup(text + strlen(ARM));
}

tfx_status tfx_budget_read(tfx_budget *out, const tfx_setting *s, tfx_error *err)
{
    const char *times = strchr(s->value, '*');
    size_t length = times ? (size_t)(times - s->value) : 0;
    char *left = tfx_trimmed(s->value, length),
         *right = tfx_trimmed(times ? times + 1 : s->value, strlen(s->value) - length - !!times);
    *out = (tfx_budget){.factor = 1, .tokens = !strcmp(s->key, "tokens"), .file = s->file, .line = s->line};
    out->of = arm_of(right);
    if (times && (tfx_option_read_real(left, &out->factor) || !(out->factor > 0) || !isfinite(out->factor))) {
        free(out->of);
        out->of = NULL;
    }
    if (!out->of)
        tfx_fail_at(err, s->file, s->line,
                    "%s: expected a number, arm:NAME, or FACTOR * arm:NAME with a factor above 0; found \"%.200s\"",
                    s->key, s->value);
    free(left);
    free(right);
    return err->status;
}

void tfx_budget_finish(tfx_budget *b)
{
    free(b->of);
    *b = (tfx_budget){0};
}

char *tfx_budget_text(const tfx_budget *b)
{
    tfx_text t = {0};
    if (b->factor != 1) {
        tfx_option_add_real(&t, b->factor);
        tfx_text_add(&t, " * ");
    }
    tfx_text_add(&t, ARM "%s", b->of);
    return t.s;
}

const char *tfx_budget_key(const tfx_budget *b)
{
    return b->tokens ? "tokens" : "flops";
}
