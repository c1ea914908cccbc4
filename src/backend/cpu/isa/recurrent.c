/* Gates of recurrent layers: one loop over the units of a row for each kind and direction. The
 * formulas are those of graph/ops/recurrent.c and recurrent_gradient.c. */
#include "backend/cpu/recurrent.h"

#include "backend/cpu/isa/sigmoid.h"

#define ROWS for (int64_t r = 0; r < b->rows; r++)
#define UNITS _Pragma("omp simd") for (int64_t u = 0; u < units; u++)

/* The row's product and gx of gate k; a slot. */
#define PRODUCT(k) (b->product + r * b->product_row + (k)*units)
#define GX(k) (b->gx + r * b->gate_row + (k)*b->H)
#define DGX(k) (b->dgx + r * b->gate_row + (k)*b->H)
#define SLOT(k) (b->slot + (k)*b->slot_step + r * b->H)
#define STATE(p) ((p) + r * b->H)

INLINE float slope(float x)
{
    return x * (1 - x);
}

/* ---- forward --------------------------------------------------------------------------------- */

static void lstm_forward(const cairn__recurrent_block *b)
{
    const int64_t units = b->units;
    ROWS
    {
        const float *pi = PRODUCT(0), *pf = PRODUCT(1), *pg = PRODUCT(2), *po = PRODUCT(3);
        const float *xi = GX(0), *xf = GX(1), *xg = GX(2), *xo = GX(3), *before = STATE(b->before);
        float *h = SLOT(0), *c = SLOT(1), *i = SLOT(2), *f = SLOT(3), *g = SLOT(4), *o = SLOT(5);
        UNITS
        {
            float in = sigmoid_one(xi[u] + pi[u]), keep = sigmoid_one(xf[u] + pf[u]);
            float fresh = tanh_one(xg[u] + pg[u]), out = sigmoid_one(xo[u] + po[u]);
            float cell = keep * before[u] + in * fresh;
            i[u] = in, f[u] = keep, g[u] = fresh, o[u] = out, c[u] = cell;
            h[u] = out * tanh_one(cell);
        }
    }
}

static void cifg_forward(const cairn__recurrent_block *b)
{
    const int64_t units = b->units;
    ROWS
    {
        const float *pf = PRODUCT(0), *pg = PRODUCT(1), *po = PRODUCT(2);
        const float *xf = GX(0), *xg = GX(1), *xo = GX(2), *before = STATE(b->before);
        float *h = SLOT(0), *c = SLOT(1), *f = SLOT(2), *g = SLOT(3), *o = SLOT(4);
        UNITS
        {
            float keep = sigmoid_one(xf[u] + pf[u]);
            float fresh = tanh_one(xg[u] + pg[u]), out = sigmoid_one(xo[u] + po[u]);
            float cell = keep * before[u] + (1 - keep) * fresh;
            f[u] = keep, g[u] = fresh, o[u] = out, c[u] = cell;
            h[u] = out * tanh_one(cell);
        }
    }
}

static void gru_forward(const cairn__recurrent_block *b)
{
    const int64_t units = b->units;
    const float *br = b->bias, *bz = br + b->H, *bn = bz + b->H;
    ROWS
    {
        const float *pr = PRODUCT(0), *pz = PRODUCT(1), *pn = PRODUCT(2);
        const float *xr = GX(0), *xz = GX(1), *xn = GX(2), *before = STATE(b->before);
        float *h = SLOT(0), *reset = SLOT(1), *z = SLOT(2), *n = SLOT(3), *q = SLOT(4);
        UNITS
        {
            float open = sigmoid_one(xr[u] + (pr[u] + br[u]));
            float keep = sigmoid_one(xz[u] + (pz[u] + bz[u])), inner = pn[u] + bn[u];
            float fresh = tanh_one(xn[u] + open * inner);
            reset[u] = open, z[u] = keep, n[u] = fresh, q[u] = inner;
            h[u] = (1 - keep) * fresh + keep * before[u];
        }
    }
}

/* ---- backward -------------------------------------------------------------------------------- */

static void lstm_backward(const cairn__recurrent_block *b)
{
    const int64_t units = b->units;
    ROWS
    {
        const float *c = SLOT(1), *i = SLOT(2), *f = SLOT(3), *g = SLOT(4), *o = SLOT(5);
        const float *dh = STATE(b->dh), *product = PRODUCT(0), *before = STATE(b->before);
        float *carry = STATE(b->carry), *di = DGX(0), *df = DGX(1), *dg = DGX(2), *d_o = DGX(3);
        UNITS
        {
            float d = dh[u] + product[u], t = tanh_one(c[u]);
            float dc = carry[u] + d * o[u] * (1 - t * t);
            d_o[u] = d * t * slope(o[u]);
            di[u] = dc * g[u] * slope(i[u]);
            df[u] = dc * before[u] * slope(f[u]);
            dg[u] = dc * i[u] * (1 - g[u] * g[u]);
            carry[u] = dc * f[u];
        }
    }
}

static void cifg_backward(const cairn__recurrent_block *b)
{
    const int64_t units = b->units;
    ROWS
    {
        const float *c = SLOT(1), *f = SLOT(2), *g = SLOT(3), *o = SLOT(4);
        const float *dh = STATE(b->dh), *product = PRODUCT(0), *before = STATE(b->before);
        float *carry = STATE(b->carry), *df = DGX(0), *dg = DGX(1), *d_o = DGX(2);
        UNITS
        {
            float d = dh[u] + product[u], t = tanh_one(c[u]);
            float dc = carry[u] + d * o[u] * (1 - t * t);
            d_o[u] = d * t * slope(o[u]);
            df[u] = dc * (before[u] - g[u]) * slope(f[u]);
            dg[u] = dc * (1 - f[u]) * (1 - g[u] * g[u]);
            carry[u] = dc * f[u];
        }
    }
}

static void gru_backward(const cairn__recurrent_block *b)
{
    const int64_t units = b->units;
    ROWS
    {
        const float *reset = SLOT(1), *z = SLOT(2), *n = SLOT(3), *q = SLOT(4);
        const float *dh = STATE(b->dh), *product = PRODUCT(0), *before = STATE(b->before);
        float *carry = STATE(b->carry), *dr = DGX(0), *dz = DGX(1), *dn = DGX(2);
        float *dq = STATE(b->dq);
        UNITS
        {
            float d = dh[u] + carry[u] + product[u];
            float fresh = d * (1 - z[u]) * (1 - n[u] * n[u]);
            dz[u] = d * (before[u] - n[u]) * slope(z[u]);
            dn[u] = fresh;
            dq[u] = fresh * reset[u];
            dr[u] = fresh * q[u] * slope(reset[u]);
            carry[u] = d * z[u];
        }
    }
}

const cairn__recurrent_kernels CAIRN__ISA_NAME(cairn__recurrent_gates) = {
    .forward = {lstm_forward, cifg_forward, gru_forward},
    .backward = {lstm_backward, cifg_backward, gru_backward},
};
