"""Golden values for tests/nn/recurrent_test.c: recurrent layers in PyTorch, float64.

    pip install torch numpy
    python tools/golden/recurrent.py tests/nn/golden        writes recurrent.txt in that folder

A case is a line "case KIND FORGET_BIAS" and lines "NAME COUNT numbers ..": h, last, and the
gradients of the sum of h * value(50) and last * value(51) for x, start and the parameters. LSTM
and GRU are nn.LSTM and nn.GRU; the coupled input and forget gate is written out here.
"""
import os
import sys

import numpy as np
import torch
from torch import nn

T, B, INPUTS, H = 4, 3, 5, 6


def value(stream, *shape):
    """Uniform in -0.5 .. 0.5, from a hash of integers; the same in the test."""
    i = np.arange(int(np.prod(shape)), dtype=np.uint64)
    h = (i * np.uint64(2654435761) + np.uint64(stream) * np.uint64(40503)) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(2246822519)) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(13)
    return torch.from_numpy((h.astype(np.float64) / 4294967296.0 - 0.5).reshape(shape))


def by_module(kind, forget_bias, x, start, w_in, w, b):
    """h, last by PyTorch's own layer; it holds gates in rows, and two biases."""
    module = (nn.LSTM if kind == "lstm" else nn.GRU)(INPUTS, H).double()
    extra = torch.zeros_like(b)
    if kind == "lstm":
        extra[H:2 * H] = forget_bias
    weights = {"weight_ih_l0": w_in.T, "weight_hh_l0": w[:H].T, "bias_ih_l0": b + extra,
               "bias_hh_l0": w[H] if kind == "gru" else torch.zeros_like(b)}
    state = (start[0:1], start[1:2]) if kind == "lstm" else start
    h, last = torch.func.functional_call(module, weights, (x, state))
    return h, torch.cat(last) if kind == "lstm" else last


def coupled(forget_bias, x, start, w_in, w, b):
    h, c, steps = start[0], start[1], []
    for t in range(T):
        f, g, o = (x[t] @ w_in + b + h @ w).split(H, 1)
        f, o = torch.sigmoid(f + forget_bias), torch.sigmoid(o)
        c = f * c + (1 - f) * torch.tanh(g)
        h = o * torch.tanh(c)
        steps.append(h)
    return torch.stack(steps), torch.stack([h, c])


def case(out, kind, forget_bias):
    gates, states = 4 if kind == "lstm" else 3, 1 if kind == "gru" else 2
    leaves = {"x": value(1, T, B, INPUTS), "start": value(2, states, B, H),
              "input_weight": 4 * value(3, INPUTS, gates * H),
              "weight": 4 * value(4, H + (kind == "gru"), gates * H), "bias": value(5, gates * H)}
    for leaf in leaves.values():
        leaf.requires_grad_(True)
    if kind == "cifg":
        h, last = coupled(forget_bias, *leaves.values())
    else:
        h, last = by_module(kind, forget_bias, *leaves.values())
    ((h * value(50, *h.shape)).sum() + (last * value(51, *last.shape)).sum()).backward()
    print("case", kind, forget_bias, file=out)
    for name, tensor in [("h", h), ("last", last)] + [(n, l.grad) for n, l in leaves.items()]:
        numbers = tensor.detach().numpy().ravel()
        print(name, numbers.size, *["%.15g" % v for v in numbers], file=out)


def main():
    with open(os.path.join(sys.argv[1], "recurrent.txt"), "w") as out:
        case(out, "lstm", 0)
        case(out, "lstm", 1)
        case(out, "cifg", 1)
        case(out, "gru", 0)


main()
