/* Values that programs once got wrong: index masks made in one step and used in others. */
#include "cairn/compile.h"
#include "graph/graph.h"
#include "test.h"

enum { N = 27 };

typedef struct masks {
    cairn_graph *g;
    cairn_program *program;
    cairn_status status;
} masks;

/* m = column < row, used on x or on a product at once, which takes its register, and once later. */
static masks new_masks(bool product)
{
    masks t = {.g = cairn_graph_new()};
    const cairn_shape square = CAIRN_SHAPE(N, N);
    cairn_tensor x = cairn_input(t.g, "x", CAIRN_F32, square);
    cairn_tensor row = cairn_iota(t.g, CAIRN_F32, square, 0);
    cairn_tensor column = cairn_iota(t.g, CAIRN_F32, square, 1), zero = cairn_scalar(t.g, 0);
    cairn_tensor below = cairn_less(column, row), lower = cairn_less_equal(column, row);
    cairn_tensor p = product ? cairn_matmul(x, x) : x;
    cairn_tensor y = cairn_add(cairn_select(below, p, zero), cairn_select(lower, p, zero));
    cairn_tensor z = cairn_select(below, cairn_matmul(y, y), cairn_scalar(t.g, -7));
    cairn_output(below, "below");
    cairn_output(lower, "lower");
    cairn_output(z, "z");
    t.program = cairn_compile(t.g, cairn_cpu(), &t.status);
    return t;
}

static void check_masks(bool product)
{
    masks t = new_masks(product);
    float x[N * N], z[N * N];
    uint8_t below[N * N], lower[N * N];
    for (int i = 0; i < N * N; i++)
        x[i] = (float)i / (N * N);
    for (int run = 0; run < 2; run++) { /* what leaves hold must outlive a run */
        cairn_program_feed(t.program, "x", x, sizeof x, &t.status);
        cairn_program_run(t.program, &t.status);
        cairn_program_fetch(t.program, "below", below, sizeof below, &t.status);
        cairn_program_fetch(t.program, "lower", lower, sizeof lower, &t.status);
        cairn_program_fetch(t.program, "z", z, sizeof z, &t.status);
        CHECK_OK(t.status);
        int wrong = 0;
        for (int i = 0; i < N * N; i++)
            wrong += below[i] != (i % N < i / N) || lower[i] != (i % N <= i / N) ||
                     (z[i] == -7) != (i % N >= i / N);
        CHECK_INT(wrong, 0);
    }
    cairn_program_free(t.program);
    cairn_graph_free(t.g);
}

TEST(a_mask_outlives_the_register_it_was_made_in)
{
    check_masks(false);
}

TEST(a_mask_made_in_an_epilogue_is_right_later)
{
    check_masks(true);
}
