#!/usr/bin/env python3
"""The numbers of tests/methods/cicw_test.c, in float64 with NumPy: weights by their formulas, radii
and class weights by bisection or by a search over a fine grid, losses by their definitions."""
import numpy as np

LOSSES = np.array([0.1, 0.5, 2.0, 4.0])
N = len(LOSSES)


def weights(l, a, lam):
    if a == 1:
        w = np.exp(-(l - l.min()) / lam)
    else:
        w = np.maximum(lam + (1 - a) * l, 0) ** (1 / (a - 1))
    return w / w.sum()


def divergence(w, a):
    if a == 1:
        return np.sum(w * np.log(N * w))
    if a == 0:
        return -np.mean(np.log(N * w))
    return (np.sum(w**a * (1 / N) ** (1 - a)) - 1) / (a * (a - 1))


def by_radius(a, radius):
    lo, hi = np.log(1e-6 + max((a - 1) * LOSSES.min(), 0)), np.log(1e6)
    for _ in range(200):
        mid = (lo + hi) / 2
        if divergence(weights(LOSSES, a, np.exp(mid)), a) > radius:
            lo = mid
        else:
            hi = mid
    return weights(LOSSES, a, np.exp(hi))


def projection(z):
    s = np.sort(z)[::-1]
    c = np.cumsum(s) - 1
    k = np.nonzero(s * np.arange(1, len(z) + 1) > c)[0][-1]
    return np.maximum(z - c[k] / (k + 1), 0)


def classes_l2(y, l, gamma):
    lo, hi = 0.0, 1e3
    for _ in range(200):
        mid = (lo + hi) / 2
        v = projection(y - mid * l)
        lo, hi = (mid, hi) if np.sum((v - y) ** 2) < gamma else (lo, mid)
    return projection(y - lo * l)


def classes_kl(y, l, gamma):
    """The best of a fine grid over the simplex of three classes, refined around it."""
    best, centre, width = None, None, 1.0
    for _ in range(12):
        g = np.linspace(-1, 1, 401) * width
        a, b = np.meshgrid(g, g)
        if centre is None:
            a, b = (a + 1) / 2, (b + 1) / 2
        else:
            a, b = a + centre[0], b + centre[1]
        v = np.stack([a, b, 1 - a - b], -1)
        ok = (v >= 0).all(-1)
        with np.errstate(divide="ignore", invalid="ignore"):
            kl = np.where(y > 0, y * np.log(y / np.maximum(v, 1e-300)), 0).sum(-1)
        cost = np.where(ok & (kl <= gamma), v @ l, np.inf)
        centre = v.reshape(-1, 3)[cost.argmin()]
        width /= 4
    return centre


def bitempered(a, label, t1, t2):
    log_t = lambda u, t: np.log(u) if t == 1 else (u ** (1 - t) - 1) / (1 - t)
    exp_t = lambda u, t: np.exp(u) if t == 1 else np.maximum(1 + (1 - t) * u, 0) ** (1 / (1 - t))
    lo, hi = a.max(), a.max() + 100
    for _ in range(200):
        mid = (lo + hi) / 2
        lo, hi = (mid, hi) if exp_t(a - mid, t2).sum() > 1 else (lo, mid)
    q, y = exp_t(a - lo, t2), np.eye(len(a))[label]
    u = (q - y) * q ** (t2 - t1)
    loss = -log_t(q[label], t1) - (1 - np.sum(q ** (2 - t1))) / (2 - t1)
    return loss, u - q**t2 * u.sum() / np.sum(q**t2)


for a in (-1, 0, 0.1, 0.5, 1, 2):
    print("lambda 1, a", a, weights(LOSSES, a, 1).round(6))
print("lambda 0.1, a 0.1", weights(LOSSES, 0.1, 0.1).round(6))
print("radius 0.1, kl", by_radius(1, 0.1).round(6))
print("radius 0.1, reverse kl", by_radius(0, 0.1).round(6))
print("radius 0.2, chi2", by_radius(2, 0.1).round(6))
p = np.array([0.6, 0.3, 0.1])
l, y = -np.log(p), np.array([0.0, 0, 1])
for gamma in (0.1, 0.02):
    v = classes_l2(y, l, gamma)
    print("classes l2", gamma, v.round(6), (v @ l).round(7))
for gamma in (0.01, 0.5):
    v = classes_kl(y, l, gamma)
    print("classes kl", gamma, v.round(6), (v @ l).round(7))
for y in ([0.7, 0.3, 0], [0.3, 0, 0.7]):
    print("classes kl 0.05", y, classes_kl(np.array(y), l, 0.05).round(6))
print("nce", l[2] / l.sum(), "rce", -np.log(1e-4) * (1 - p[2]), "mae", 1 - p[2])
for label, t1, t2 in ((0, 0.8, 1.4), (2, 0.8, 1.4), (2, 1, 1)):
    print("bi-tempered", label, t1, t2, bitempered(np.array([1.0, 0, -1]), label, t1, t2))
