/* Atoms: whatever is united and reshaped, in whatever order, parts multiply to the whole, and dimensions that are one
 * have the same parts, except for rigid ones. */
#include "framework/base/memory.h"
#include "framework/graph/atoms.h"
#include "tests/graph/lab.h"
#include "tests/check_main.h"

static int64_t size_of(const tfx_atoms *a, uint32_t atom)
{
    return atom == TFX_NO_ATOM ? 1 : a->items[atom].size;
}

/* The parts of a dimension, and whether they multiply to its size; *rigid: whether there is a rigid one. */
static int parts_of(tfx_atoms *a, uint32_t atom, tfx_atom_list *parts, int *rigid)
{
    int64_t total = 1;
    *rigid = 0;
    tfx_atom_parts(a, atom, parts);
    for (uint32_t i = 0; i < parts->n; i++) {
        total *= size_of(a, parts->items[i]);
        *rigid |= a->items[parts->items[i]].rigid != NULL;
    }
    return total == size_of(a, atom);
}

static int agree(tfx_atoms *a, uint32_t x, uint32_t y)
{
    tfx_atom_list p = {0}, q = {0};
    int rigid_x, rigid_y, ok = parts_of(a, x, &p, &rigid_x);
    ok &= parts_of(a, y, &q, &rigid_y);
    int same = p.n == q.n;
    for (uint32_t i = 0; same && i < p.n; i++)
        same = p.items[i] == q.items[i];
    free(p.items);
    free(q.items);
    return ok && (same || (rigid_x && rigid_y));
}

/* Divides n into sizes whose product it is; returns how many. */
static uint32_t random_sizes(dice *d, int64_t n, int64_t *sizes)
{
    uint32_t k = 0;
    while (n > 1 && k < 5) {
        int64_t s = 1 + dice_below(d, (uint32_t)n);
        while (n % s)
            s--;
        sizes[k++] = s;
        n /= s;
    }
    sizes[k++] = n;
    return k;
}

START_TEST(random_sequences)
{
    enum { STEPS = 60 };
    static const int64_t totals[] = {12, 24, 36, 64, 210, 720};
    dice d = {.seed = (uint64_t)_i};
    tfx_atoms a = {0};
    uint32_t known[STEPS * 8], pairs[STEPS][2], n = 0, n_pairs = 0;
    int64_t total = totals[_i % 6];
    known[n++] = tfx_atom_new(&a, total);
    for (int step = 0; step < STEPS; step++) {
        uint32_t x = known[dice_below(&d, n)], y = known[dice_below(&d, n)], to[8];
        int64_t sizes[8];
        if (dice_below(&d, 3) == 0) {
            uint32_t k = random_sizes(&d, size_of(&a, x), sizes);
            tfx_atom_reshape(&a, &x, 1, to, sizes, k);
            for (uint32_t i = 0; i < k; i++) {
                ck_assert_int_eq(size_of(&a, to[i]), sizes[i]);
                known[n++] = to[i];
            }
        } else if (dice_below(&d, 2)) { /* other dimensions for two, and what a fresh one of their size is */
            int64_t both = size_of(&a, x) * size_of(&a, y);
            uint32_t k = random_sizes(&d, both, sizes), from[2] = {x, y};
            tfx_atom_reshape(&a, from, 2, to, sizes, k);
            for (uint32_t i = 0; i < k && both <= total; i++)
                known[n++] = to[i];
        } else {
            uint32_t fresh = tfx_atom_new(&a, size_of(&a, x));
            for (uint32_t i = 0; i < n; i++) /* something else of this size, if there is */
                if (size_of(&a, known[i]) == size_of(&a, x) && dice_below(&d, 2))
                    fresh = known[i];
            tfx_atom_unite(&a, x, fresh);
            pairs[n_pairs][0] = x;
            pairs[n_pairs++][1] = fresh;
        }
    }
    for (uint32_t i = 0; i < n_pairs; i++)
        ck_assert_msg(agree(&a, pairs[i][0], pairs[i][1]), "seed %d, pair %u", _i, i);
    tfx_atoms_finish(&a);
}
END_TEST

START_TEST(marks_stay)
{
    tfx_atoms a = {0};
    uint32_t x = tfx_atom_new(&a, 12), y = tfx_atom_new(&a, 12), parts[2];
    tfx_atom_mark(&a, x, 1, "first");
    tfx_atom_mark(&a, x, 2, "second");
    tfx_atom_reshape(&a, &x, 1, parts, (int64_t[]){3, 4}, 2);
    tfx_atom_mark(&a, y, 4, NULL);
    tfx_atom_unite(&a, y, x);
    tfx_atom_mark(&a, parts[1], 8, NULL);
    tfx_atom_list list = {0};
    tfx_atom_parts(&a, y, &list);
    ck_assert_uint_eq(list.n, 2);
    ck_assert_uint_eq(a.items[list.items[0]].marks, 7);
    ck_assert_uint_eq(a.items[list.items[1]].marks, 15);
    ck_assert_str_eq(a.items[list.items[0]].rigid, "first");
    ck_assert_uint_eq(tfx_atom_new(&a, 1), TFX_NO_ATOM);
    free(list.items);
    tfx_atoms_finish(&a);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("atoms");
    TCase *c = tcase_create("all");
    tcase_add_loop_test(c, random_sequences, 0, 300);
    tcase_add_test(c, marks_stay);
    suite_add_tcase(s, c);
    return s;
}

TFX_CHECK_MAIN(suite)
