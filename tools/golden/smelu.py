#!/usr/bin/env python3
"""Golden values of tests/nn/smooth_test.c and tests/methods/difference_test.c, in float64.

    tools/golden/smelu.py        prints them; needs NumPy

Each function is written from its definition and not from the formulas that the library uses: SmeLU
as the convolution of ReLU with a box, its asymmetric form as the integral of its slope, slopes as
central differences."""
import itertools
import math

import numpy as np


def integral(f, a, b, kinks=(), n=64):
    """Gauss-Legendre on the pieces between kinks: exact for the polynomials that occur here."""
    x, w = np.polynomial.legendre.leggauss(n)
    ends = ([a] + sorted((k for k in kinks if min(a, b) < k < max(a, b)), reverse=a > b)) + [b]
    return sum((q - p) / 2 * sum(w * np.array([f((q - p) / 2 * t + (p + q) / 2) for t in x]))
               for p, q in zip(ends, ends[1:]))


def smelu(x, beta):
    return integral(lambda u: max(u, 0) / (2 * beta), x - beta, x + beta, [0])


def gsmelu(x, alpha, beta, minus, plus, t):
    def slope(u):
        share = min(max((u + alpha) / (alpha + beta), 0), 1)
        return minus + (plus - minus) * share
    return t + integral(slope, -alpha, x, [-alpha, beta])


def central(f, x, h=1e-5):
    return (f(x + h) - f(x - h)) / (2 * h)


def main():
    for beta, xs in ((1, (-0.5, 0, 0.25, 0.5, 1, -1, 0.3)), (0.5, (0, 0.25)), (2, (-1, 0, 1))):
        for x in xs:
            print(f"smelu beta {beta} x {x}: {smelu(x, beta):.10f} "
                  f"{central(lambda u: smelu(u, beta), x):.5f}")
    for x in (-1.5, -0.5, 0, 0.5, 1, 2):
        print(f"gsmelu .5 1 .1 1 0, x {x}: {gsmelu(x, 0.5, 1, 0.1, 1, 0):.10f}")
    for x in (-1, 0, 0.1, 1):
        print(f"gsmelu .1 .1 .01 1 -.001, x {x}: {gsmelu(x, 0.1, 0.1, 0.01, 1, -0.001):.10f}")
    others = {
        "gelu": lambda x, k: x * (1 + math.erf(k * x / math.sqrt(2))) / 2,
        "gelu_tanh": lambda x, k: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi)
                                                         * (x + 0.044715 * x ** 3))),
        "swish": lambda x, k: x / (1 + math.exp(-k * x)),
        "softplus": lambda x, k: math.log1p(math.exp(k * x)) / k,
    }
    for (name, f), k in itertools.product(others.items(), (1, 2)):
        print(name, k, *(f"{f(x, k):.10f}" for x in (-1, 0, 1)))

    p = np.array([[0.2, 0.5, 0.9], [0.3, 0.5, 0.8], [0.25, 0.4, 0.85]])
    for models in (2, 3):
        q = p[:models]
        pairs = [(a, b) for a, b in itertools.combinations(q, 2)]
        mean = q.mean(axis=0)
        relative = np.mean([2 * abs(a - b) / (a + b) for a, b in pairs])
        print(f"{models} models: relative {relative:.10f}"
              f" absolute {np.mean([abs(a - b) for a, b in pairs]):.10f}"
              f" PD_1 {abs(q - mean).mean():.10f}"
              f" PD_2 {np.sqrt(((q - mean) ** 2).mean(0)).mean():.10f}"
              f" relative deviation {(abs(q - mean) / mean).mean():.10f}")
    pairs = {(0, 1): 1.0, (0, 2): 2.0, (0, 3): 4.0, (1, 2): 3.0, (1, 3): 5.0, (2, 3): 9.0}
    left = [np.mean([v for k, v in pairs.items() if m not in k]) for m in range(4)]
    error = math.sqrt(3 / 4 * sum((x - np.mean(left)) ** 2 for x in left))
    print(f"jackknife: {np.mean(list(pairs.values())):.10f} error {error:.10f}")


if __name__ == "__main__":
    main()
