/* The Fourier transform of real values whose number is a power of two. */
#ifndef CAIRN_SRC_DATA_FFT_H
#define CAIRN_SRC_DATA_FFT_H

#include "base/base.h"

enum { CAIRN__MOST_FFT = 4096 };

/* Tables for n values: 4, 8, 16, ... CAIRN__MOST_FFT. Any number of threads may share them. */
typedef struct cairn__fft {
    int64_t n;
    double *cosine, *sine; /* [n / 2]: of 2 pi k / n; owned */
    int32_t *reversed;     /* [n / 2]: k with its bits in reverse; owned, behind the others */
} cairn__fft;

bool cairn__fft_new(cairn__fft *fft, int64_t n, cairn_status *status);
void cairn__fft_free(cairn__fft *fft);

/* |X[k]| for k = 0 .. n/2, X[k] = sum over j of x[j] exp(-2 pi i j k / n). x [n] is destroyed;
 * magnitude [n/2 + 1] must not overlap it. */
void cairn__fft_magnitude(const cairn__fft *fft, double *x, double *magnitude);

#endif
