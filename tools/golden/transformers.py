"""Golden values for tests/nn/transformer_test.c: losses and gradients of tiny Transformers, from
PyTorch in float64.

    pip install torch
    python tools/golden/transformers.py > tests/nn/golden/transformers.txt

Every parameter is a sine of its index with a phase from its name, so that the test can make the
same ones. A line is: model, "loss" or the name of a parameter, the loss or the sum of the
parameter's gradient times cosines."""
import math

import torch
from torch.nn import functional

torch.set_default_dtype(torch.float64)


def phase(name):
    return sum((i + 1) * c for i, c in enumerate(name.encode())) % 997 * 0.37


class Parameters:
    """Tensors by name, made when first asked for."""

    def __init__(self):
        self.made = {}

    def __call__(self, name, *shape):
        if name not in self.made:
            wave = 0.3 * torch.sin(phase(name) + 1.3 * torch.arange(math.prod(shape)))
            self.made[name] = (wave + name.endswith("scale")).view(shape).requires_grad_()
        return self.made[name]

    def linear(self, name, x, units, bias=True):
        y = x @ self(name + "/weight", x.shape[-1], units)
        return y + self(name + "/bias", units) if bias else y


def layer_norm(p, name, x, epsilon):
    n = x.shape[-1]
    return functional.layer_norm(x, (n,), p(name + "/scale", n), p(name + "/bias", n), epsilon)


def rms_norm(p, name, x, epsilon):
    scale = p(name + "/scale", x.shape[-1])
    return x / (x.pow(2).mean(-1, keepdim=True) + epsilon).sqrt() * scale


def rotate(x, base):
    """x: [B, heads, T, D]"""
    T, D = x.shape[-2:]
    angle = torch.arange(T)[:, None] * base ** (-2 * torch.arange(D // 2) / D)
    low, high = x[..., :D // 2], x[..., D // 2:]
    return torch.cat([low * angle.cos() - high * angle.sin(),
                      low * angle.sin() + high * angle.cos()], -1)


def heads_of(x, D):
    return x.view(*x.shape[:2], -1, D).transpose(1, 2)


def attention(p, name, x, context=None, heads=2, kv=2, causal=False, bias=True, base=0):
    width = x.shape[-1]
    D = width // heads
    if context is None:
        qkv = p.linear(name + "/qkv", x, (heads + 2 * kv) * D, bias)
        q, k, v = (heads_of(t, D) for t in qkv.split([heads * D, kv * D, kv * D], -1))
    else:
        q = heads_of(p.linear(name + "/query", x, width, bias), D)
        both = p.linear(name + "/key_value", context, 2 * kv * D, bias)
        k, v = (heads_of(t, D) for t in both.split(kv * D, -1))
    if base:
        q, k = rotate(q, base), rotate(k, base)
    k, v = (t.repeat_interleave(heads // kv, 1) for t in (k, v))
    y = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return p.linear(name + "/output", y.transpose(1, 2).reshape(x.shape), width, bias)


def block(p, name, x, norm, mlp, context=None, parallel=False, **options):
    n = norm(p, name + "/norm1", x)
    first = attention(p, name + "/attention", n, **options)
    if parallel:
        return x + first + mlp(p, name + "/mlp", n)
    x = x + first
    if context is not None:
        x = x + attention(p, name + "/context", norm(p, name + "/norm_context", x), context)
    return x + mlp(p, name + "/mlp", norm(p, name + "/norm2", x))


def plain_mlp(approximate):
    def mlp(p, name, x):
        h = functional.gelu(p.linear(name + "/hidden", x, 16), approximate=approximate)
        return p.linear(name + "/output", h, x.shape[-1])
    return mlp


def gated_mlp(p, name, x):
    a, b = p.linear(name + "/hidden", x, 24, False).chunk(2, -1)
    return p.linear(name + "/output", functional.silu(a) * b, x.shape[-1], False)


def with_epsilon(norm, epsilon):
    return lambda p, name, x: norm(p, name, x, epsilon)


def tokens(B, T, step):
    return (torch.arange(B * T) * step % 11).view(B, T)


def gpt(p):
    table = p("token", 11, 8)
    x = functional.embedding(tokens(2, 5, 3), table) + p("position", 6, 8)[:5]
    norm = with_epsilon(layer_norm, 1e-5)
    for i in (1, 2):
        x = block(p, f"block{i}", x, norm, plain_mlp("tanh"), causal=True)
    logits = norm(p, "norm", x) @ table.T
    return functional.cross_entropy(logits.view(-1, 11), tokens(2, 5, 7).view(-1))


def llama(p):
    x = functional.embedding(tokens(2, 5, 3), p("token", 11, 8))
    norm = with_epsilon(rms_norm, 1e-5)
    for i in (1, 2):
        x = block(p, f"block{i}", x, norm, gated_mlp, causal=True, heads=4, kv=2, bias=False,
                  base=100)
    logits = p.linear("head", norm(p, "norm", x), 11, False)
    return functional.cross_entropy(logits.view(-1, 11), tokens(2, 5, 7).view(-1))


def vit(p, class_token=True, parallel=False):
    """Pictures are [B, H, W, C], and so are their patches."""
    x = torch.sin(0.4 * torch.arange(2 * 8 * 8 * 3)).view(2, 8, 8, 3)
    patches = x.unfold(1, 4, 4).unfold(2, 4, 4).permute(0, 1, 2, 4, 5, 3).reshape(2, 4, 48)
    x = p.linear("patch", patches, 8)
    if class_token:
        x = torch.cat([p("class", 1, 1, 8).expand(2, 1, 8), x], 1)
    x = x + p("position", x.shape[1], 8)
    norm = with_epsilon(layer_norm, 1e-6)
    for i in (1, 2):
        x = block(p, f"block{i}", x, norm, plain_mlp("none"), parallel=parallel)
    x = norm(p, "norm", x)
    logits = p.linear("head", x[:, 0] if class_token else x.mean(1), 5)
    return functional.cross_entropy(logits, torch.tensor([1, 3]))


def encoder_decoder(p):
    table, norm = p("token", 11, 8), with_epsilon(layer_norm, 1e-5)

    def embed(name, t):
        return functional.embedding(t, table) + p(name + "/position", 6, 8)[:t.shape[1]]

    x = block(p, "encoder/block1", embed("encoder", tokens(2, 6, 3)), norm, plain_mlp("none"))
    x = norm(p, "encoder/norm", x)
    y = block(p, "decoder/block1", embed("decoder", tokens(2, 4, 5)), norm, plain_mlp("none"),
              context=x, causal=True)
    logits = norm(p, "decoder/norm", y) @ table.T
    return functional.cross_entropy(logits.view(-1, 11), tokens(2, 4, 7).view(-1))


def feed_forward(p, name, x, e, experts, hidden, gated, bias):
    """Expert e on one token, with weights [experts, in, units]."""
    def layer(part, x, units):
        y = x @ p(f"{name}/{part}/weight", experts, x.shape[-1], units)[e]
        return y + p(f"{name}/{part}/bias", experts, 1, units)[e, 0] if bias else y

    h = layer("hidden", x, 2 * hidden if gated else hidden)
    h = functional.silu(h[:hidden]) * h[hidden:] if gated else functional.gelu(h)
    return layer("output", h, x.shape[-1])


def entropy(q):
    return -(q * q.log()).sum(-1)


def experts(p, x, name, E, k, capacity, hidden, gated, bias, renormalise, priority, valid):
    """x [G, S, D], token by token; valid: list of lists of bool."""
    logits = x @ p(name + "/router/weight", x.shape[-1], E)
    probabilities, rows = logits.softmax(-1), []
    balance = z = importance = 0
    for g, group in enumerate(probabilities):
        S = len(group)
        chosen = [sorted(range(E), key=lambda e: (-q[e].item(), e))[:k] for q in group]
        order = sorted(range(S), key=lambda t: (-group[t].max().item(), t)) if priority \
            else range(S)
        joined, places = [0] * E, {}
        for j in range(k):
            for t in order:
                if valid[g][t]:
                    e = chosen[t][j]
                    places[t, j] = joined[e] < capacity
                    joined[e] += 1
        for t in range(S):
            gates = [group[t][e] for e in chosen[t]]
            if renormalise:
                total = sum(gates) + 1e-9
                gates = [gate / total for gate in gates]
            y = torch.zeros(x.shape[-1])
            for j, e in enumerate(chosen[t]):
                if places.get((t, j)):
                    y = y + gates[j] * feed_forward(p, name, x[g, t], e, E, hidden, gated, bias)
            rows.append(y)
        members = [t for t in range(S) if valid[g][t]]
        mean = group[members].mean(0)
        first = torch.tensor([sum(chosen[t][0] == e for t in members) / len(members)
                              for e in range(E)])
        balance = balance + E * (first * mean).sum() / len(x)
        z = z + logits[g][members].logsumexp(-1).square().mean() / len(x)
        importance = importance + mean.var(correction=0) / mean.mean() ** 2 / len(x)
    return torch.stack(rows), probabilities, balance, z, importance


def expert_input(G, S, D):
    return torch.sin(0.9 * torch.arange(G * S * D) + 0.3).view(G, S, D)


def expert_loss(y):
    return (y * torch.cos(0.6 * torch.arange(y.numel())).view(y.shape)).sum()


def moe_top2(p):
    """GShard's gates, gated experts, two groups, a capacity that drops some."""
    valid = [[t != 4 for t in range(7)], [True] * 7]
    y, _, balance, z, importance = experts(p, expert_input(2, 7, 6), "moe", 4, 2, 4, 5, True, True,
                                           True, False, valid)
    return expert_loss(y) + balance + 0.5 * z + 0.25 * importance


def moe_switch(p):
    """One choice in the order of priority, and entropies of the even tokens."""
    y, q, balance, z, _ = experts(p, expert_input(2, 8, 6), "moe", 3, 1, 3, 5, False, False, False,
                                  True, [[True] * 8] * 2)
    even = q[:, ::2]
    spread = (1.2 - entropy(even.mean(1))).clamp(min=0).mean()
    return expert_loss(y) + balance + 0.5 * z + entropy(even).mean() + 2 * spread


def relative_attention(p, name, x, heads, mask):
    B, T, width = x.shape
    D = width // heads
    q, k, v = (t.view(B, T, heads, D) for t in p.linear(name + "/qkv", x, 3 * width).chunk(3, -1))
    u, w = p(name + "/content_bias", heads, D), p(name + "/position_bias", heads, D)
    distance = torch.arange(T)[:, None] - torch.arange(T)
    angle = distance[..., None] * 10000.0 ** (-2 * torch.arange(width // 2) / width)
    r = p.linear(name + "/position", torch.cat([angle.sin(), angle.cos()], -1), width, False)
    r = r.view(T, T, heads, D)
    scores = torch.einsum("bihd,bjhd->bhij", q + u, k) + torch.einsum("bihd,ijhd->bhij", q + w, r)
    scores = (scores / math.sqrt(D)).masked_fill(~mask[:, None, None], -math.inf)
    y = torch.einsum("bhij,bjhd->bihd", scores.softmax(-1), v).reshape(B, T, width)
    return p.linear(name + "/output", y, width)


def conformer(p, relative, mask):
    """Width 8, hidden 12, 2 heads, windows of 5; rotary positions and batch norm, or relative ones
    and layer norm."""
    norm = with_epsilon(layer_norm, 1e-5)
    x = torch.sin(0.9 * torch.arange(2 * 6 * 8) + 0.3).view(2, 6, 8)

    def feed(name, x):
        h = functional.silu(p.linear(name + "/hidden", norm(p, name + "/norm", x), 12))
        return x + p.linear(name + "/output", h, 8) / 2

    for i in (1, 2):
        b = f"block{i}"
        x = feed(b + "/feed1", x)
        y = norm(p, b + "/attention_norm", x)
        x = x + (relative_attention(p, b + "/attention", y, 2, mask) if relative
                 else attention(p, b + "/attention", y, base=100))
        y = functional.glu(p.linear(b + "/conv/expand", norm(p, b + "/conv_norm", x), 16), -1)
        y = y * mask[..., None]
        weight = p(b + "/conv/depthwise/weight", 5, 1, 8).permute(2, 1, 0)
        y = functional.conv1d(y.transpose(1, 2), weight, p(b + "/conv/depthwise/bias", 8),
                              padding=2, groups=8)
        if relative:
            y = norm(p, b + "/conv/norm", y.transpose(1, 2))
        else:
            y = functional.batch_norm(y, None, None, p(b + "/conv/norm/scale", 8),
                                      p(b + "/conv/norm/offset", 8), True).transpose(1, 2)
        x = x + p.linear(b + "/conv/project", functional.silu(y), 8)
        x = norm(p, b + "/norm", feed(b + "/feed2", x))
    return expert_loss(x)


def conformer_relative(p):
    return conformer(p, True, torch.tensor([[True] * 6, [True] * 4 + [False] * 2]))


def conformer_rotary(p):
    return conformer(p, False, torch.ones(2, 6, dtype=torch.bool))


def main():
    models = {"gpt": gpt, "llama": llama, "vit": vit, "encoder_decoder": encoder_decoder,
              "vit_mean": lambda p: vit(p, False, True), "moe_top2": moe_top2,
              "moe_switch": moe_switch, "conformer_relative": conformer_relative,
              "conformer_rotary": conformer_rotary}
    for name, model in models.items():
        p = Parameters()
        loss = model(p)
        loss.backward()
        print(name, "loss", repr(loss.item()))
        for parameter, value in p.made.items():
            weights = torch.cos(phase(parameter) + 0.7 * torch.arange(value.numel()))
            print(name, parameter, repr((value.grad.flatten() * weights).sum().item()))


main()
