#include "framework/analysis/claim_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "framework/base/memory.h"
#include "framework/base/suggest.h"

static const char forms[] =
    "a claim reads 'A saves >= 30% flops at equal loss vs B' or 'A lowers loss by >= 0.02 at equal flops vs B'";

typedef struct reader {
    const char *at; /* the rest of the text */
    int n;          /* words read */
    char *word;     /* the last one; "" behind the end */
    tfx_error *err;
} reader;

static const char *next(reader *r)
{
    r->at += strspn(r->at, " \t\n");
    size_t n = strcspn(r->at, " \t\n");
    free(r->word);
    r->word = tfx_strndup(r->at, n);
    r->at += n;
    r->n++;
    return r->word;
}

static void fail(reader *r, const char *expected)
{
    if (r->err->status != TFX_OK)
        return;
    if (*r->word)
        tfx_fail(r->err, TFX_E_INVALID, "claim, word %d: expected %s, found '%s'; %s", r->n, expected, r->word, forms);
    else
        tfx_fail(r->err, TFX_E_INVALID, "claim: expected %s after word %d, found the end; %s", expected, r->n - 1,
                 forms);
}

/* The next word must be one of these; its number. */
static int choose(reader *r, const char *const *words, size_t n, const char *expected)
{
    next(r);
    for (size_t i = 0; i < n; i++)
        if (!strcmp(r->word, words[i]))
            return (int)i;
    fail(r, expected);
    return 0;
}

static void expect(reader *r, const char *word)
{
    char *expected = tfx_printf("'%s'", word);
    choose(r, &word, 1, expected);
    free(expected);
}

static char *read_arms(reader *r, const char *expected)
{
    if (!*next(r))
        fail(r, expected);
    return tfx_strdup(r->word);
}

static tfx_cost_kind read_cost(reader *r)
{
    static const char *const words[] = {"flops", "tokens", "seconds"};
    return (tfx_cost_kind)choose(r, words, TFX_N_COSTS, "flops, tokens or seconds");
}

static tfx_claim_op read_op(reader *r)
{
    static const char *const words[] = {">=", ">", "<=", "<"};
    return (tfx_claim_op)choose(r, words, 4, ">=, >, <= or <");
}

/* A share must be written in percent, a loss must not. */
static double read_number(reader *r, int percent)
{
    char *end;
    double x = strtod(next(r), &end);
    if (end == r->word || !isfinite(x) || strcmp(end, percent ? "%" : "") != 0)
        fail(r, percent ? "a number with %, such as 30%" : "a number, such as 0.02");
    if (percent && x >= 100)
        fail(r, "less than 100%");
    return percent ? x / 100 : x;
}

tfx_status tfx_claim_parse(tfx_claim_text *c, const char *text, tfx_error *err)
{
    static const char *const verbs[] = {"saves", "lowers"}, *const against[] = {"vs", "than", "against"};
    reader r = {.at = text, .err = err};
    *c = (tfx_claim_text){0};
    c->a = read_arms(&r, "arms");
    c->kind = (tfx_claim_kind)choose(&r, verbs, 2, "'saves' or 'lowers'");
    if (c->kind == TFX_CLAIM_SAVES) {
        c->op = read_op(&r);
        c->number = read_number(&r, 1);
        c->cost = read_cost(&r);
        expect(&r, "at");
        expect(&r, "equal");
        expect(&r, "loss");
    } else {
        expect(&r, "loss");
        expect(&r, "by");
        c->op = read_op(&r);
        c->number = read_number(&r, 0);
        expect(&r, "at");
        expect(&r, "equal");
        c->cost = read_cost(&r);
    }
    choose(&r, against, 3, "'vs'");
    c->b = read_arms(&r, "arms");
    if (*next(&r)) {
        c->excluding = !strcmp(r.word, "excluding");
        if (!c->excluding)
            fail(&r, "the end, or 'excluding ancestors'");
        expect(&r, "ancestors");
        if (*next(&r))
            fail(&r, "the end");
    }
    free(r.word);
    return err->status;
}

void tfx_claim_text_finish(tfx_claim_text *c)
{
    free(c->a);
    free(c->b);
    *c = (tfx_claim_text){0};
}
