/* Packed matrix product (Goto and van de Geijn 2008, "Anatomy of high-performance matrix
 * multiplication", ACM TOMS 34(3)).
 *
 *                N
 *            +-------+        A: a strip of rows is copied into panels as high as a tile, depth
 *          K |   |#| | DEPTH     outermost, and stays in the L2 cache.
 *            +-------+        B: DEPTH x BLOCK_COLUMNS numbers are copied into panels as wide as a
 *       K        |               tile; the panel in use stays in L1 while all of A passes by.
 *     +---+  +-------+        C: a tile stays in registers for DEPTH steps; a step multiplies one
 *   M |###| -|   []  | tile      row of B's panel (2 vectors) by one column of A's.
 *     +---+  +-------+
 *
 * Where C is cut into pieces that each make the copy of B anew, that is some 6 % of the time at 250
 * rows a piece and K = N = 1000, nearly all of it the wait for B to arrive from beyond L2. So B can
 * be copied once before. */
#include "backend/cpu/gemm.h"

#include "backend/cpu/isa/transpose.h"

/* The tile leaves room for a row of B and a number of A in the register file. */
#if LANES == 16
#define TILE_ROWS 14 /* 28 of 32 registers hold sums */
#define TILES(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#elif LANES == 8
#define TILE_ROWS 6 /* 12 of 16 */
#define TILES(X) X(1) X(2) X(3) X(4) X(5) X(6)
#else
#define TILE_ROWS 4 /* 8 of 16: without a fused instruction the products need a place too */
#define TILES(X) X(1) X(2) X(3) X(4)
#endif
#define TILE_COLUMNS (2 * LANES)
#define LINE 16 /* floats of a cache line */

/* The sum of an element is cut into equal pieces of at most DEPTH: its bits depend on this number.
 */
#define DEPTH 384

/* Of A about so many numbers and rows, so that they and the blocks of B and C fit into 2 MB of
 * L2; but never fewer than LEAST_ROWS, or B would be copied too often. */
enum { A_BLOCK = 384 << 10, MOST_ROWS = 504, LEAST_ROWS = 126 };

/* Runs of 1 KB in B: shorter ones the hardware does not fetch ahead. */
enum { BLOCK_COLUMNS = 256 };

/* Copying an operand pays when the copy is used often enough: A by this many columns of C, B by so
 * many rows. Below, tiles read the matrix where it is, if its layout allows; but the rows of a
 * large B are read faster in the long runs of the copy than in a tile's short ones. */
enum { COLUMNS_TO_PACK_A = 3 * TILE_COLUMNS, ROWS_TO_PACK_B = 2 * TILE_ROWS, B_TO_KEEP = 1 << 17 };

#define MIN(a, b) ((a) < (b) ? (a) : (b))

/* Where a tile finds its operands. Number r of step k of A is a[r * a_row + k * a_step], row k of B
 * starts at b + k * b_step. */
typedef struct operands {
    const float *a, *b;
    int64_t a_row, a_step, b_step, depth;
    const float *soon; /* lines of the B to come after this panel, fetched meanwhile: */
    int64_t lines;     /* so many with each row */
} operands;

typedef void tile_function(const operands *from, float *c, int64_t c_row, int64_t last, bool add);

/* ---- the tile ----------------------------------------------------------------------------------
 */

/* sum += *x * y, x read and repeated by the instruction that multiplies. Compilers load a number
 * that is used twice into a register instead, which is an instruction more. */
INLINE vec add_product_in_place(vec sum, const float *x, vec y)
{
#if LANES == 16
    __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(sum) : "v"(y), "m"(*x));
    return sum;
#else
    return sum + vec_all(*x) * y;
#endif
}

/* One step: a row of B times a column of A, whose numbers lie side by side behind a[0], or, `row`
 * apart, three behind each pointer: x86 addresses p, p + row and p + 2 row alike, so five registers
 * reach 14 rows.
 *
 * With all numbers of A loaded into registers first, a step of 14 x 2 vectors is 44 instructions in
 * the 14 cycles of its 28 products; where another program shares the core no more than half the
 * issue slots are ours, 42. Every second row reads A in its products instead: 37 instructions, and
 * 25 of the 28 loads that fit. That is 10 % faster there and no slower elsewhere. */
INLINE void step(int rows, int vectors, bool dense, const float *const a[5], int64_t row,
                 const float *b, vec sum[TILE_ROWS][2])
{
    const bool issue_bound = LANES == 16 && vectors == 2;
    if (LANES == 16 && dense) {
        __builtin_prefetch(b + 12 * TILE_COLUMNS);
        __builtin_prefetch(b + 12 * TILE_COLUMNS + LINE);
    }
    vec b0 = vec_load(b), b1 = vectors > 1 ? vec_load(b + LANES) : b0;
    UNROLL
    for (int r = 0; r < rows; r++) {
        const float *number = dense ? a[0] + r : a[r / 3] + r % 3 * row;
        if (issue_bound && r % 2 == 0) {
            sum[r][0] = add_product_in_place(sum[r][0], number, b0);
            sum[r][1] = add_product_in_place(sum[r][1], number, b1);
            continue;
        }
        vec x = vec_all(*number);
        sum[r][0] += x * b0;
        if (vectors > 1)
            sum[r][1] += x * b1;
    }
}

/* `rows` x `vectors` vectors of C, of the last vector the first `last` lanes. `rows`, `vectors` and
 * `dense` (the rows of A are side by side) are constants at every call, so that the loops over them
 * unroll and the sums live in registers. */
INLINE void tile(int rows, int vectors, bool dense, const operands *from, float *c, int64_t c_row,
                 int64_t last, bool add)
{
    enum { APART = 8 };
    const int64_t a_row = dense ? 1 : from->a_row, a_step = dense ? from->a_step : 1;
    const int64_t b_step = from->b_step, depth = from->depth;
    const float *b = from->b, *a[5];
    vec sum[TILE_ROWS][2] = {{{0}}};
    int64_t k = 0;
    UNROLL
    for (int i = 0; i < 5; i++)
        a[i] = from->a + 3 * i * a_row;
#define NEXT                                                                                       \
    k++, b += b_step, a[0] += a_step, a[1] += a_step, a[2] += a_step, a[3] += a_step, a[4] += a_step
    while (k < depth - APART * rows) {
        step(rows, vectors, dense, a, a_row, b, sum);
        NEXT;
    }

    /* The rows of C are fetched during the last steps, a row every few steps: all at once they
     * would take every line buffer and make the loads of A wait. */
    const float *row = c, *soon = from->soon;
    for (int r = 0; r < rows; r++, row += c_row) {
        __builtin_prefetch(row, 1);
        __builtin_prefetch(row + vectors * LANES - 1, 1);
        for (int64_t line = 0; line < from->lines; line++, soon += LINE)
            __builtin_prefetch(soon, 0, 2);
        for (int64_t end = MIN(k + APART, depth); k < end;) {
            step(rows, vectors, dense, a, a_row, b, sum);
            NEXT;
        }
    }
#undef NEXT
    const int edge = vectors - 1;
    if (add) {
        UNROLL
        for (int r = 0; r < rows; r++) {
            if (edge)
                sum[r][0] += vec_load(c + r * c_row);
            sum[r][edge] += vec_load_first(c + r * c_row + edge * LANES, last);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        if (edge)
            vec_store(c + r * c_row, sum[r][0]);
        vec_store_first(c + r * c_row + edge * LANES, sum[r][edge], last);
    }
}

#define TILE(rows, vectors, dense, suffix)                                                         \
    static void tile_##rows##_##vectors##suffix(const operands *from, float *c, int64_t c_row,     \
                                                int64_t last, bool add)                            \
    {                                                                                              \
        tile(rows, vectors, dense, from, c, c_row, last, add);                                     \
    }
#define FOUR_TILES(rows)                                                                           \
    TILE(rows, 1, false, _apart)                                                                   \
    TILE(rows, 2, false, _apart)                                                                   \
    TILE(rows, 1, true, _dense)                                                                    \
    TILE(rows, 2, true, _dense)
TILES(FOUR_TILES)
#define TILE_ENTRY(rows)                                                                           \
    {{tile_##rows##_1_apart, tile_##rows##_2_apart},                                               \
     {tile_##rows##_1_dense, tile_##rows##_2_dense}},
static tile_function *const tiles[TILE_ROWS][2][2] = {TILES(TILE_ENTRY)};

/* ---- packing -----------------------------------------------------------------------------------
 */

/* Copies up to LANES lines, `line` apart, of `depth` numbers side by side: number k of all lines
 * goes to to[k * width]. Missing lines become zeros. A store is a whole vector and may spill over
 * into the next step, which is written after it; the last step spills over the panel's end. */
static void pack_across(const float *from, int64_t line, int64_t count, int64_t depth, float *to,
                        int64_t width)
{
    int64_t k = 0;
    for (; k + LANES <= depth; k += LANES) {
        vec x[LANES];
        UNROLL
        for (int i = 0; i < LANES; i++)
            x[i] = i < count ? vec_load(from + i * line + k) : (vec){0};
        transpose(x);
        UNROLL
        for (int i = 0; i < LANES; i++)
            vec_store(to + (k + i) * width, x[i]);
    }
    for (; k < depth; k++)
        for (int64_t i = 0; i < MIN(LANES, width); i++)
            to[k * width + i] = i < count ? from[i * line + k] : 0;
}

/* The same for `count` <= `width` lines that are side by side, steps `step` apart. Reads nothing
 * past the lines: whole vectors only where the next step shows that there is memory behind them. */
INLINE void pack_along(const float *from, int64_t step, int64_t count, int64_t depth, float *to,
                       int64_t width)
{
    int64_t k = 0;
    if (count == width && step >= (width + LANES - 1) / LANES * LANES)
        for (; k < depth - (width % LANES != 0); k++)
            for (int64_t i = 0; i < width; i += LANES)
                vec_store(to + k * width + i, vec_load(from + k * step + i));
    for (; k < depth; k++)
        for (int64_t i = 0; i < width; i++)
            to[k * width + i] = i < count ? from[k * step + i] : 0;
}

/* `rows` rows of A as panels of `high` rows; a panel has TILE_ROWS numbers a step. */
static void pack_a(const cairn__gemm_task *t, const float *from, int64_t rows, int64_t high,
                   int64_t depth, float *to)
{
    for (int64_t i = 0; i < rows; i += high, from += high * t->a_row, to += TILE_ROWS * depth)
        if (t->a_row == 1)
            pack_along(from, t->a_depth, MIN(high, rows - i), depth, to, TILE_ROWS);
        else
            pack_across(from, t->a_row, MIN(high, rows - i), depth, to, TILE_ROWS);
}

/* Whole panels of B whose columns lie side by side, all panels in one pass over the rows: the reads
 * form runs as long as the block is wide. */
static void pack_b_rows(const float *from, int64_t step, int64_t columns, int64_t depth, float *to)
{
    for (int64_t k = 0; k < depth; k++, from += step, to += TILE_COLUMNS) {
        float *panel = to;
        for (int64_t j = 0; j < columns; j += TILE_COLUMNS, panel += depth * TILE_COLUMNS) {
            for (int64_t line = 0; line < TILE_COLUMNS; line += 16)
                __builtin_prefetch(from + 4 * step + j + line);
            vec_store(panel, vec_load(from + j));
            vec_store(panel + LANES, vec_load(from + j + LANES));
        }
    }
}

static void pack_b(const cairn__gemm_task *t, const float *from, int64_t columns, int64_t depth,
                   float *to)
{
    int64_t whole = 0;
    if (t->b_column == 1) {
        whole = columns / TILE_COLUMNS * TILE_COLUMNS;
        pack_b_rows(from, t->b_depth, whole, depth, to);
        if (whole < columns)
            pack_along(from + whole, t->b_depth, columns - whole, depth, to + whole * depth,
                       TILE_COLUMNS);
        return;
    }
    for (int64_t j = 0; j < columns; j += LANES)
        pack_across(from + j * t->b_column, t->b_column, MIN(LANES, columns - j), depth,
                    to + j / TILE_COLUMNS * TILE_COLUMNS * depth + j % TILE_COLUMNS, TILE_COLUMNS);
}

/* ---- the product -------------------------------------------------------------------------------
 */

static int64_t round_up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static int64_t depth_of(int64_t K)
{
    int64_t pieces = (K + DEPTH - 1) / DEPTH;
    return pieces ? (K + pieces - 1) / pieces : 0;
}

/* Panels are of equal height, so that 15 rows are 8 and 7 and not 14 and 1. */
static int64_t panels_of(int64_t rows)
{
    return (rows + TILE_ROWS - 1) / TILE_ROWS;
}

/* M in equal strips of about as many rows as A_BLOCK wants: one row too many makes a strip higher,
 * and no second strip of one row. */
static int64_t strip_rows(int64_t M, int64_t K)
{
    int64_t rows = MIN(A_BLOCK / (K + 1), MOST_ROWS);
    rows = rows < LEAST_ROWS ? LEAST_ROWS : rows;
    int64_t strips = (M + rows / 2) / rows;
    return strips > 1 ? (M + strips - 1) / strips : M;
}

static int64_t scratch_a(int64_t M, int64_t K)
{
    return round_up(panels_of(strip_rows(M, K)) * TILE_ROWS * K + LANES, 16);
}

static size_t scratch(int64_t M, int64_t N, int64_t K)
{
    int64_t a = N < COLUMNS_TO_PACK_A ? 0 : scratch_a(M, K);
    int64_t b = depth_of(K) * round_up(MIN(N, BLOCK_COLUMNS), TILE_COLUMNS) + LANES;
    return (size_t)(a + b) * sizeof(float);
}

/* C [rows, width] (+)= A [rows, depth] B [depth, width]. `packed_a` has the panels of A for these
 * steps, or is NULL if tiles read A itself. */
static void block(const cairn__gemm_task *t, const float *a, const float *packed_a, const float *b,
                  float *packed_b, float *c, int64_t rows, int64_t width, int64_t depth, bool add)
{
    const int64_t panels = panels_of(rows), high = (rows + panels - 1) / panels;
    const bool keep_b = !t->packed_b && rows <= ROWS_TO_PACK_B && t->b_column == 1 &&
                        depth * t->b_depth <= B_TO_KEEP;
    const int64_t kept = keep_b ? width / TILE_COLUMNS * TILE_COLUMNS : 0;
    operands from = {.depth = depth};
    from.a_row = packed_a ? 1 : t->a_row;
    from.a_step = packed_a ? TILE_ROWS : t->a_depth;
    if (t->packed_b)
        from.lines = (TILE_COLUMNS * depth + rows * LINE - 1) / (rows * LINE);
    if (kept < width && !t->packed_b)
        pack_b(t, b + kept * t->b_column, width - kept, depth, packed_b + kept * depth);
    for (int64_t j = 0; j < width; j += TILE_COLUMNS) {
        int64_t columns = MIN(TILE_COLUMNS, width - j);
        const float *soon = packed_b + j * depth + TILE_COLUMNS * depth;
        from.b = j < kept ? b + j : packed_b + j * depth;
        from.b_step = j < kept ? t->b_depth : TILE_COLUMNS;
        for (int64_t i = 0; i < rows; i += high, soon += high * from.lines * LINE) {
            from.soon = soon;
            from.a = packed_a ? packed_a + i / high * TILE_ROWS * depth : a + i * t->a_row;
            tiles[MIN(high, rows - i) - 1][from.a_row == 1][columns > LANES](
                &from, c + i * t->c_row + j, t->c_row, (columns - 1) % LANES + 1, add);
        }
    }
}

/* Where the block of B at column j and depth k starts in the copy of all of B. */
static int64_t packed_at(const cairn__gemm_task *t, int64_t j, int64_t k)
{
    return j * t->K + round_up(MIN(BLOCK_COLUMNS, t->N - j), TILE_COLUMNS) * k;
}

/* All of C for `rows` rows of A. The pieces of the depth are the inner loop: the block of C that
 * they add to is still in L2 when the next one comes. */
static void strip(const cairn__gemm_task *t, int64_t i0, int64_t rows, float *packed_a,
                  float *packed_b)
{
    const int64_t panels = panels_of(rows), high = (rows + panels - 1) / panels;
    const int64_t piece = depth_of(t->K), height = panels * TILE_ROWS;
    const float *a = t->a + i0 * t->a_row;
    if (packed_a)
        for (int64_t k = 0; k < t->K; k += piece)
            pack_a(t, a + k * t->a_depth, rows, high, MIN(piece, t->K - k), packed_a + k * height);
    for (int64_t j = 0; j < t->N; j += BLOCK_COLUMNS)
        for (int64_t k = 0; k < t->K; k += piece)
            block(t, a + k * t->a_depth, packed_a ? packed_a + k * height : NULL,
                  t->b + k * t->b_depth + j * t->b_column,
                  t->packed_b ? (float *)t->packed_b + packed_at(t, j, k) : packed_b,
                  t->c + i0 * t->c_row + j, rows, MIN(BLOCK_COLUMNS, t->N - j),
                  MIN(piece, t->K - k), t->add || k > 0);
}

static void product(const cairn__gemm_task *t, float *memory)
{
    const bool keep_a = t->N < COLUMNS_TO_PACK_A;
    float *packed_b = keep_a ? memory : memory + scratch_a(t->M, t->K);
    const int64_t most = strip_rows(t->M, t->K);
    if (t->K == 0 && !t->add)
        for (int64_t i = 0; i < t->M; i++)
            memset(t->c + i * t->c_row, 0, (size_t)t->N * sizeof *t->c);
    for (int64_t i = 0; t->K && i < t->M; i += most)
        strip(t, i, MIN(most, t->M - i), keep_a ? NULL : memory, packed_b);
}

/* ---- B copied once -----------------------------------------------------------------------------
 */

/* Worth it when several pieces of C would each make their own copy: see above. */
static int64_t packed_floats(int64_t M, int64_t N, int64_t K)
{
    if (M < 2 * LEAST_ROWS || N < TILE_COLUMNS || K < DEPTH / 4)
        return 0;
    return round_up(N, TILE_COLUMNS) * K + LANES;
}

static int64_t parts(int64_t N)
{
    return (N + BLOCK_COLUMNS - 1) / BLOCK_COLUMNS;
}

static void pack(const cairn__gemm_task *t, int64_t part, float *packed)
{
    const int64_t piece = depth_of(t->K), j = part * BLOCK_COLUMNS;
    for (int64_t k = 0; k < t->K; k += piece)
        pack_b(t, t->b + k * t->b_depth + j * t->b_column, MIN(BLOCK_COLUMNS, t->N - j),
               MIN(piece, t->K - k), packed + packed_at(t, j, k));
}

const cairn__gemm_kernels CAIRN__ISA_NAME(cairn__gemm) = {
    .scratch = scratch,
    .product = product,
    .packed_floats = packed_floats,
    .parts = parts,
    .pack = pack,
};
