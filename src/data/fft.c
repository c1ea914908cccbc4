/* A real transform of n values as a complex one of n/2: even values as real parts, odd ones as
 * imaginary parts, separated afterwards by symmetry. The complex one is by Cooley and Tukey, in
 * place, decimation in time. Sizes here are a few hundred and transforms a few thousand a second,
 * so a library would bring nothing.
 *
 * Source: Cooley and Tukey 1965; Press et al., "Numerical Recipes", 12.3 for the separation. */
#include "data/fft.h"

#include <math.h>

bool cairn__fft_new(cairn__fft *fft, int64_t n, cairn_status *status)
{
    const double pi = 3.14159265358979323846;
    size_t half = (size_t)n / 2;
    double *tables = cairn__alloc(half, 2 * sizeof(double) + sizeof(int32_t), status);
    *fft = (cairn__fft){.n = n};
    if (!tables)
        return false;
    fft->cosine = tables;
    fft->sine = tables + half;
    fft->reversed = (int32_t *)(void *)(tables + 2 * half);
    for (size_t k = 0; k < half; k++) {
        fft->cosine[k] = cos(2 * pi * (double)k / (double)n);
        fft->sine[k] = sin(2 * pi * (double)k / (double)n);
        fft->reversed[k] = k ? fft->reversed[k / 2] / 2 + (int32_t)(k % 2 * half / 2) : 0;
    }
    return true;
}

void cairn__fft_free(cairn__fft *fft)
{
    cairn__free(fft->cosine);
    *fft = (cairn__fft){0};
}

static void permute(const cairn__fft *fft, double *z)
{
    for (int64_t k = 0; k < fft->n / 2; k++) {
        int64_t r = fft->reversed[k];
        if (r <= k)
            continue;
        double re = z[2 * k], im = z[2 * k + 1];
        z[2 * k] = z[2 * r];
        z[2 * k + 1] = z[2 * r + 1];
        z[2 * r] = re;
        z[2 * r + 1] = im;
    }
}

/* n/2 complex values. Tables are those of n, so the root of order 2 m is entry n / (2 m). */
static void transform(const cairn__fft *fft, double *z)
{
    int64_t half = fft->n / 2;
    permute(fft, z);
    for (int64_t m = 1; m < half; m *= 2)
        for (int64_t at = 0; at < half; at += 2 * m)
            for (int64_t k = 0; k < m; k++) {
                double c = fft->cosine[k * (half / m)], s = fft->sine[k * (half / m)];
                double *a = z + 2 * (at + k), *b = a + 2 * m;
                double re = c * b[0] + s * b[1], im = c * b[1] - s * b[0];
                b[0] = a[0] - re;
                b[1] = a[1] - im;
                a[0] += re;
                a[1] += im;
            }
}

void cairn__fft_magnitude(const cairn__fft *fft, double *x, double *magnitude)
{
    int64_t half = fft->n / 2;
    transform(fft, x);
    magnitude[0] = fabs(x[0] + x[1]);
    magnitude[half] = fabs(x[0] - x[1]);
    for (int64_t k = 1; k < half; k++) {
        const double *a = x + 2 * k, *b = x + 2 * (half - k);
        /* Transforms of the even and the odd values: (a + conj b) / 2, (a - conj b) / 2i. */
        double even_re = (a[0] + b[0]) / 2, even_im = (a[1] - b[1]) / 2;
        double odd_re = (a[1] + b[1]) / 2, odd_im = (b[0] - a[0]) / 2;
        double c = fft->cosine[k], s = fft->sine[k];
        double re = even_re + c * odd_re + s * odd_im, im = even_im + c * odd_im - s * odd_re;
        magnitude[k] = sqrt(re * re + im * im);
    }
}
