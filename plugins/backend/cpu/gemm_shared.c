/* Own matrix products by all threads: the operand with fewer lines (rows of a, or columns of b) is packed as a whole, each panel by one
 * thread, into memory that all read; then the other's lines are divided into tasks, each of which packs what only it needs. Nothing is
 * packed twice, so that tasks may be many, and whichever thread is faster, or alone on its core, does more of them.
 *
 * Where the packed operand would be large, as with as many terms as a vocabulary has words, this is done in rounds, a few blocks of terms
 * each. */
#include "gemm_shared.h"

/* Of packed elements for a round; no less than a block. */
enum { ROUND_BYTES = 12 << 20 };
/* Tasks for each thread: enough that threads end together, but fewer, and as many for each, where a task would have less than so many
 * lines: the shared operand comes from the third-level cache for them. */
enum { TASKS = 8, MIN_LINES = 64 };

/* Lines of a panel of the shared operand. */
static int64_t panel_width(const tfx_cpu_shared *s)
{
    return s->over_rows ? s->terms.tiles->cols : s->terms.tiles->rows;
}

tfx_cpu_shared tfx_cpu_share(const tfx_cpu_gemm *g, int bf16, int64_t m, int64_t n, int64_t k, int n_threads)
{
    tfx_cpu_shared s = {.terms = tfx_cpu_terms_of(g, bf16, k), .over_rows = m >= n};
    int64_t steps = tfx_cpu_block_steps(&s.terms, 0), wide = s.terms.tiles->cols;
    /* Of the shared operand, with padding. */
    int64_t lines = s.over_rows ? (int64_t)tfx_cpu_round_up((uint64_t)n, (uint64_t)wide) : m;
    int64_t n_blocks = tfx_cpu_div_up(k, s.terms.depth);
    s.round = tfx_cpu_min(n_blocks, tfx_cpu_max(1, ROUND_BYTES / 4 / (lines * steps)));
    s.n_rounds = tfx_cpu_div_up(n_blocks, s.round);
    s.block = tfx_cpu_packed(lines * steps);
    s.n_pack = tfx_cpu_min(TASKS * n_threads, tfx_cpu_div_up(lines, panel_width(&s)) * s.round);
    int64_t grain = s.over_rows ? 1 : wide, other = tfx_cpu_div_up(s.over_rows ? m : n, grain);
    int64_t each = tfx_cpu_max(1, tfx_cpu_min(TASKS, other * grain / (MIN_LINES * n_threads)));
    s.n_tasks = tfx_cpu_min(each * n_threads, other);
    s.grain = grain;
    int64_t most = tfx_cpu_div_up(other, s.n_tasks) * grain; /* lines of a task */
    s.part = tfx_cpu_min(most, tfx_cpu_block_lines(&s.terms, s.over_rows ? s.terms.tiles->rows : wide));
    s.wide = tfx_cpu_packed(s.part * steps);
    s.shared_bytes = s.block * (uint64_t)s.round * 4;
    s.scratch_bytes = (s.wide + tfx_cpu_widening(&s.terms)) * 4;
    return s;
}

/* Blocks of the round that there are. */
static int64_t blocks_of(const tfx_cpu_shared *s, int64_t round)
{
    return tfx_cpu_min(s->round, tfx_cpu_div_up(s->terms.k, s->terms.depth) - round * s->round);
}

void tfx_cpu_shared_pack(const tfx_cpu_shared *s, const tfx_cpu_matmul *p, int64_t round, int64_t task,
                         uint32_t *shared, uint32_t *scratch)
{
    int64_t width = panel_width(s), panels = tfx_cpu_div_up(s->over_rows ? p->n : p->m, width);
    int64_t all = panels * blocks_of(s, round), end = tfx_cpu_split(all, s->n_pack, task + 1);
    for (int64_t i = tfx_cpu_split(all, s->n_pack, task); i < end; i++) {
        int64_t block = i / panels, from = i % panels * width, l = (round * s->round + block) * s->terms.depth;
        int64_t n = tfx_cpu_min(width, (s->over_rows ? p->n : p->m) - from);
        uint32_t *out = shared + s->block * (uint64_t)block + from * tfx_cpu_block_steps(&s->terms, l);
        (s->over_rows ? tfx_cpu_pack_b : tfx_cpu_pack_a)(&s->terms, p, l, from, n, scratch + s->wide, out);
    }
}

void tfx_cpu_shared_multiply(const tfx_cpu_shared *s, const tfx_cpu_matmul *p, int64_t round, int64_t task,
                             const uint32_t *shared, uint32_t *scratch)
{
    int64_t lines = s->over_rows ? p->m : p->n, grains = tfx_cpu_div_up(lines, s->grain);
    int64_t from = tfx_cpu_split(grains, s->n_tasks, task) * s->grain;
    int64_t to = tfx_cpu_min(lines, tfx_cpu_split(grains, s->n_tasks, task + 1) * s->grain);
    for (int64_t x = from; x < to; x += s->part) {
        int64_t n = tfx_cpu_min(s->part, to - x);
        int64_t i = s->over_rows ? x : 0, rows = s->over_rows ? n : p->m;
        int64_t j = s->over_rows ? 0 : x, cols = s->over_rows ? p->n : n;
        if (round == 0)
            tfx_cpu_begin(p, i, rows, j, cols);
        for (int64_t block = 0; block < blocks_of(s, round); block++) {
            int64_t l = (round * s->round + block) * s->terms.depth;
            const uint32_t *packed = shared + s->block * (uint64_t)block;
            (s->over_rows ? tfx_cpu_pack_a : tfx_cpu_pack_b)(&s->terms, p, l, x, n, scratch + s->wide, scratch);
            tfx_cpu_multiply_block(&s->terms, p, l, i, rows, j, cols, s->over_rows ? scratch : packed,
                                   s->over_rows ? packed : scratch, !s->over_rows);
        }
    }
}
