#include "framework/plan/validation_set.h"

#include <assert.h>
#include <inttypes.h>

#include "framework/base/memory.h"

/* At least this many pieces, so that they come from all over the split; and none longer than this, which
 * the default of 65,536 tokens reaches. */
enum { FEWEST_PIECES = 16, LONGEST_PIECE = 2048 };

static int64_t divide_up(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

/* Tokens of a piece; a context that does not divide the power of two gets the next multiple of itself. */
static int64_t piece_tokens(int64_t context, int64_t asked)
{
    int64_t n = 1;
    while (2 * n <= LONGEST_PIECE && 2 * n <= asked / FEWEST_PIECES)
        n *= 2;
    return divide_up(n, context) * context;
}

tfx_status tfx_validation_set_choose(tfx_validation_set *set, int64_t split_tokens, int64_t context, int64_t asked,
                                     tfx_error *err)
{
    *set = (tfx_validation_set){.split_tokens = split_tokens < 0 ? -1 : split_tokens,
                                .context = context,
                                .tokens = asked,
                                .pieces = 1,
                                .places = 1};
    if (split_tokens >= 0) {
        /* The first token has none before it that could predict it. */
        int64_t whole = (split_tokens - 1) / context * context, piece = piece_tokens(context, asked);
        if (split_tokens <= context)
            return tfx_fail(err, TFX_E_DATA,
                            "the validation split has %" PRId64 " tokens; expected at least %" PRId64 " (context + 1)",
                            split_tokens, context + 1);
        set->pieces = divide_up(asked, piece);
        set->places = whole / piece;
        set->piece_windows = piece / context;
        if (set->pieces > set->places) { /* nearly everything: from the start on */
            set->pieces = set->places = 1;
            set->tokens = asked < whole ? asked : whole;
        }
    }
    set->windows = divide_up(set->tokens, context);
    if (set->pieces == 1)
        set->piece_windows = set->windows;
    return TFX_OK;
}

int64_t tfx_validation_set_window(const tfx_validation_set *set, int64_t i)
{
    assert(i >= 0 && i < set->windows);
    int64_t piece = i / set->piece_windows, every = set->places / set->pieces, rest = set->places % set->pieces;
    int64_t place = piece * every + piece * rest / set->pieces; /* piece * places / pieces, far from overflow */
    return place * set->piece_windows + i % set->piece_windows;
}

int tfx_validation_set_same(const tfx_validation_set *a, const tfx_validation_set *b)
{
    return a->tokens == b->tokens && a->pieces == b->pieces && a->places == b->places &&
           (a->pieces == 1 || a->piece_windows * a->context == b->piece_windows * b->context);
}

char *tfx_validation_set_text(const tfx_validation_set *set, int64_t asked)
{
    if (set->split_tokens < 0)
        return tfx_printf("%" PRId64 " tokens of an endless validation split", set->tokens);
    if (set->tokens < asked)
        return tfx_printf("all %" PRId64 " tokens that fill windows of the validation split; data.eval_tokens asks "
                          "for %" PRId64,
                          set->tokens, asked);
    return tfx_printf("%" PRId64 " tokens, spread evenly over the %" PRId64 " of the validation split", set->tokens,
                      set->split_tokens);
}
