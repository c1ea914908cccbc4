/* Steps of dense linear algebra: a chunk is one matrix of the batch, or some columns of it. */
#include "backend/cpu/linear.h"

#include "backend/cpu/task.h"
#include "config.h"

#if CAIRN__HAVE_LAPACK
#include <lapacke.h>
#include <math.h>
#endif

enum { COLUMNS = 64 };

typedef struct linear_state {
    const cairn__linear *k;
    const float *x, *b;
    float *to;
    int64_t n, columns, blocks;
    bool transpose;
} linear_state;

static cairn_shape shape_of(const cairn__cpu_context *c, const cairn__step *step, int input)
{
    const cairn_graph *g = c->plan->lowered;
    return g->nodes[g->nodes[step->node]->input[input]]->shape;
}

static const char *never(const cairn__cpu_context *c, const cairn__step *step)
{
    (void)c, (void)step;
    return NULL;
}

static linear_state *prepare(const cairn__cpu_context *c, const cairn__step *step,
                             cairn__task *task, double nanoseconds)
{
    linear_state *s = cairn__alloc(1, sizeof *s, c->status);
    cairn_shape x = shape_of(c, step, 0);
    if (!s)
        return NULL;
    s->k = cairn__linear_at(c->level);
    s->x = cairn__cpu_address(c, step->input[0]);
    s->to = cairn__cpu_address(c, step->output);
    s->n = x.size[x.rank - 1];
    task->state = s;
    task->release = cairn__free;
    task->chunks = s->n ? cairn_shape_count(x) / (s->n * s->n) : 0;
    task->cost = nanoseconds;
    return s;
}

/* ---- Cholesky -------------------------------------------------------------------------------- */

static void run_cholesky(const cairn__task *task, int64_t chunk, void *scratch)
{
    const linear_state *s = task->state;
    int64_t at = chunk * s->n * s->n;
    (void)scratch;
    s->k->cholesky(s->to + at, s->x + at, s->n);
}

static bool prepare_cholesky(const cairn__cpu_context *c, const cairn__step *step,
                             cairn__task *task)
{
    task->run = run_cholesky;
    return prepare(c, step, task, 0.2 * step->flops) != NULL;
}

const cairn__cpu_kernel cairn__cpu_cholesky_rows = {
    .name = "cholesky by rows",
    .declines = never,
    .prepare = prepare_cholesky,
};

/* ---- triangular systems ---------------------------------------------------------------------- */

static void run_solve(const cairn__task *task, int64_t chunk, void *scratch)
{
    const linear_state *s = task->state;
    int64_t item = chunk / s->blocks, first = chunk % s->blocks * COLUMNS;
    int64_t at = item * s->n * s->columns;
    (void)scratch;
    s->k->solve(s->to + at, s->x + item * s->n * s->n, s->b + at, s->n, s->columns, s->transpose,
                first, CAIRN__MIN((int64_t)COLUMNS, s->columns - first));
}

static bool prepare_solve(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    linear_state *s = prepare(c, step, task, 0.1 * step->flops);
    if (!s)
        return false;
    cairn_shape b = shape_of(c, step, 1);
    s->b = cairn__cpu_address(c, step->input[1]);
    s->columns = b.size[b.rank - 1];
    s->blocks = (s->columns + COLUMNS - 1) / COLUMNS;
    s->transpose = c->plan->lowered->nodes[step->node]->at.list[0];
    task->chunks *= s->blocks;
    task->run = run_solve;
    return true;
}

const cairn__cpu_kernel cairn__cpu_solve_columns = {
    .name = "triangular solution by columns",
    .declines = never,
    .prepare = prepare_solve,
};

/* ---- eigenvectors -------------------------------------------------------------------------------
 *
 * By LAPACK's divide and conquer in double precision: roots of small eigenvalues need its digits.
 * The work space is scratch, so that a step allocates nothing. */

#if CAIRN__HAVE_LAPACK

/* Doubles for the matrix, the eigenvalues and LAPACK's own; integers behind them. */
static size_t doubles(int64_t n)
{
    return (size_t)(n * n + n + 1 + 6 * n + 2 * n * n);
}

static size_t integers(int64_t n)
{
    return (size_t)(3 + 5 * n);
}

static const char *declines_eigh(const cairn__cpu_context *c, const cairn__step *step)
{
    cairn_shape x = shape_of(c, step, 0);
    return x.size[x.rank - 1] <= 20000 ? NULL : "larger than LAPACK can count";
}

/* The sign of an eigenvector is free: its component of largest magnitude is made positive. */
static double sign_of(const double *v, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        if (fabs(v[i]) > fabs(most))
            most = v[i];
    return most < 0 ? -1 : 1;
}

static void run_eigh(const cairn__task *task, int64_t chunk, void *scratch)
{
    const linear_state *s = task->state;
    const float *x = s->x + chunk * s->n * s->n;
    float *to = s->to + chunk * (s->n + 1) * s->n;
    int64_t n = s->n;
    lapack_int size = (lapack_int)n;
    double *a = scratch, *w = a + n * n, *work = w + n;
    lapack_int *whole = (lapack_int *)(void *)((double *)scratch + doubles(n));
    /* Row-major lower is column-major upper; eigenvectors come as columns, that is rows for us. */
    for (int64_t i = 0; i < n * n; i++)
        a[i] = (double)x[i];
    lapack_int failed = LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', 'U', size, a, size, w, work,
                                            (lapack_int)(1 + 6 * n + 2 * n * n), whole,
                                            (lapack_int)integers(n));
    for (int64_t j = 0; j < n; j++) {
        double sign = sign_of(a + j * n, n);
        to[j] = failed ? NAN : (float)w[j];
        for (int64_t i = 0; i < n; i++)
            to[(i + 1) * n + j] = failed ? NAN : (float)(sign * a[j * n + i]);
    }
}

static bool prepare_eigh(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    linear_state *s = prepare(c, step, task, step->flops);
    if (!s)
        return false;
    task->run = run_eigh;
    task->scratch = doubles(s->n) * sizeof(double) + integers(s->n) * sizeof(lapack_int);
    return true;
}

#else

static const char *declines_eigh(const cairn__cpu_context *c, const cairn__step *step)
{
    (void)c, (void)step;
    return "built without LAPACK";
}

static bool prepare_eigh(const cairn__cpu_context *c, const cairn__step *step, cairn__task *task)
{
    return prepare(c, step, task, 0) != NULL;
}

#endif

const cairn__cpu_kernel cairn__cpu_eigh_lapack = {
    .name = "LAPACK divide and conquer",
    .declines = declines_eigh,
    .prepare = prepare_eigh,
};
