"""Golden values for tests/methods/palm_test.c: PaLM written again from its paper, in float64.

    pip install numpy
    python tools/golden/palm.py > tests/methods/golden/palm.txt

A line for each of 16 models, whose number says what it is (1 parallel, 2 multi-query, 4 gated, 8
interleaved rotary pairs): the logits behind the last token, then cross-entropy and mean log(Z).
Element i of a parameter is 0.4 sin(0.37 i + the sum of the bytes of its name); scales are 1 more.
"""
import math

import numpy as np

LAYERS, WIDTH, HEADS, HEAD, VOCABULARY = 2, 6, 3, 4, 7
TOKENS = [1, 5, 0, 6, 2, 3]


def parameter(name, *shape):
    n = int(np.prod(shape))
    x = 0.4 * np.sin(0.37 * np.arange(n) + sum(name.encode()))
    return (x + ("scale" in name)).reshape(shape)


def norm(x, name):
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-6) * parameter(name, WIDTH)


def rotate(x, interleaved):
    """x: [T, heads, HEAD]."""
    y = np.empty_like(x)
    for t in range(len(x)):
        for i in range(HEAD // 2):
            a, b = (2 * i, 2 * i + 1) if interleaved else (i, i + HEAD // 2)
            angle = t * 10000 ** (-2 * i / HEAD)
            y[t, :, a] = x[t, :, a] * math.cos(angle) - x[t, :, b] * math.sin(angle)
            y[t, :, b] = x[t, :, a] * math.sin(angle) + x[t, :, b] * math.cos(angle)
    return y


def attention(u, block, multi_query, interleaved):
    kv = 1 if multi_query else HEADS
    q = (u @ parameter(block + "query", WIDTH, HEADS * HEAD)).reshape(-1, HEADS, HEAD)
    k = (u @ parameter(block + "key", WIDTH, kv * HEAD)).reshape(-1, kv, HEAD)
    v = (u @ parameter(block + "value", WIDTH, kv * HEAD)).reshape(-1, kv, HEAD)
    q, k = rotate(q, interleaved), rotate(k, interleaved)
    out = np.zeros_like(q)
    for t in range(len(u)):
        for h in range(HEADS):
            scores = k[: t + 1, h % kv] @ q[t, h] / math.sqrt(HEAD)
            p = np.exp(scores - scores.max())
            out[t, h] = p / p.sum() @ v[: t + 1, h % kv]
    return out.reshape(len(u), -1) @ parameter(block + "attention_output", HEADS * HEAD, WIDTH)


def feed(u, block, gated):
    units = (4 if gated else 6) * WIDTH
    up = u @ parameter(block + "hidden", WIDTH, units)
    if gated:
        gate = u @ parameter(block + "gate", WIDTH, units)
        h = gate / (1 + np.exp(-gate)) * up
    else:
        h = up * 0.5 * (1 + np.vectorize(math.erf)(up / math.sqrt(2)))
    return h @ parameter(block + "output", units, WIDTH)


def model(parallel, multi_query, gated, interleaved):
    table = parameter("token", VOCABULARY, WIDTH)
    x = table[TOKENS[:-1]]
    for layer in range(LAYERS):
        block = f"block{layer + 1}/"
        u = norm(x, block + "norm/scale")
        a = attention(u, block, multi_query, interleaved)
        if parallel:
            x = x + feed(u, block, gated) + a
        else:
            x = x + a
            x = x + feed(norm(x, block + "norm2/scale"), block, gated)
    return norm(x, "norm/scale") @ table.T / math.sqrt(WIDTH)


for way in range(16):
    logits = model(way & 1, way & 2, way & 4, way & 8)
    log_z = np.log(np.exp(logits).sum(-1))
    loss = (log_z - logits[np.arange(len(logits)), TOKENS[1:]]).mean()
    print(way, *(repr(float(x)) for x in [*logits[-1], loss, log_z.mean()]))
