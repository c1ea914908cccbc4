/* The order that sorts an axis: at.axis, at.list[0] descending. sort and top_k follow from it.
 *
 * The order is stable either way: equal elements stay as they were. NaN comes last, so that a
 * sorted axis begins with what can be compared. */
#include "graph/graph.h"

cairn_tensor cairn_argsort(cairn_tensor x, int axis, bool descending)
{
    axis = cairn__axis(x, axis, "argsort");
    if (axis < 0)
        return x;
    return cairn__node(x.graph, &cairn__op_argsort, &x, 1,
                       &(cairn__attributes){.axis = axis, .list = {descending}});
}

cairn_tensor cairn_sort(cairn_tensor x, int axis, bool descending)
{
    return cairn_gather_along(x, cairn_argsort(x, axis, descending), axis);
}

void cairn_top_k(cairn_tensor x, int64_t k, int axis, cairn_tensor *values, cairn_tensor *indices)
{
    cairn_tensor best = cairn_slice(cairn_argsort(x, axis, true), axis, 0, k, 1);
    if (values)
        *values = cairn_gather_along(x, best, axis);
    if (indices)
        *indices = best;
}

static bool shape(cairn_graph *g, cairn_node *n)
{
    const cairn_node *x = g->nodes[n->input[0]];
    if (x->dtype != CAIRN_F32 && x->dtype != CAIRN_I32)
        return cairn__refuse(g, n, CAIRN_ERR_TYPE, "the operand must be f32 or i32");
    n->dtype = CAIRN_I32;
    n->shape = x->shape;
    return true;
}

/* One line of the operand and, while it is sorted, the order in the place of the result. */
typedef struct line {
    const double *x;
    double *order;
    int64_t stride;
    bool descending;
} line;

/* Whether index a comes before index b. Ties are broken by the index: no two compare equal. */
static bool before(const line *l, double a, double b)
{
    double x = l->x[(int64_t)a * l->stride], y = l->x[(int64_t)b * l->stride];
    if (x != x || y != y)
        return x != x && y != y ? a < b : y != y;
    if (x != y)
        return l->descending ? x > y : x < y;
    return a < b;
}

/* Sinks the root of the heap order[root .. n-1], whose largest element is on top. */
static void sink(const line *l, int64_t root, int64_t n)
{
    double *o = l->order, moved = o[root * l->stride];
    for (int64_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
        if (child + 1 < n && before(l, o[child * l->stride], o[(child + 1) * l->stride]))
            child++;
        if (!before(l, moved, o[child * l->stride]))
            break;
        o[root * l->stride] = o[child * l->stride];
        root = child;
    }
    o[root * l->stride] = moved;
}

/* Heap sort needs no memory; the order of indices above makes it stable. */
static void sort_line(const line *l, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        l->order[i * l->stride] = (double)i;
    for (int64_t i = n / 2 - 1; i >= 0; i--)
        sink(l, i, n);
    for (int64_t last = n - 1; last > 0; last--) {
        double most = l->order[0];
        l->order[0] = l->order[last * l->stride];
        l->order[last * l->stride] = most;
        sink(l, 0, last);
    }
}

static void reference(const cairn_node *n, const cairn_shape *shapes, const double *const *in,
                      double *out)
{
    cairn__split s = cairn__split_at(shapes[0], (int)n->at.axis);
    for (int64_t i = 0; i < s.outer * s.inner; i++) {
        int64_t base = i / s.inner * s.n * s.inner + i % s.inner;
        line l = {in[0] + base, out + base, s.inner, n->at.list[0]};
        sort_line(&l, s.n);
    }
}

static cairn_tensor rising(const cairn_tensor *x)
{
    return cairn_argsort(x[0], -1, false);
}

static cairn_tensor falling(const cairn_tensor *x)
{
    return cairn_argsort(x[0], 0, true);
}

static const cairn__sample samples[] = {
    {.shape = {{2, {5, 17}}}, .domain = {CAIRN__SPREAD}, .build = rising},
    {.shape = {{3, {9, 2, 3}}}, .domain = {CAIRN__SPREAD}, .build = falling},
    {.shape = {{2, {3, 900}}}, .domain = {CAIRN__ANY}, .build = rising},
    {.shape = {{1, {40}}}, .domain = {CAIRN__INDEX}, .limit = 5, .build = falling},
    {.shape = {{2, {4, 0}}}, .domain = {CAIRN__ANY}, .build = rising},
    {.shape = {{1, {6}}}, .domain = {CAIRN__BITS}, .build = rising, .refusal = "f32 or i32"},
    {.shape = {{0, {0}}}, .build = rising, .refusal = "argsort []: axis -1"},
    CAIRN__SAMPLES_END,
};

const cairn_op cairn__op_argsort = {
    .name = "argsort",
    .summary = "the order that sorts one axis",
    .kind = CAIRN__OTHER,
    .inputs = 1,
    .shape = shape,
    .reference = reference,
    .no_gradient = "the result is whole numbers",
    .samples = samples,
};
