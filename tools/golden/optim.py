"""Golden values for tests/optim/: optimisers written again from their papers, in float64.

    pip install numpy
    python tools/golden/optim.py tests/optim/golden       writes every file in that folder

A file is one case, read by tests/optim/rules_test.c:

    rule NAME                      option NAME VALUE ..    common NAME VALUE ..
    parameter NAME RANK SIZES      then its first elements
    steps N                        then for each step and parameter: gradient, new value
    end

First values and gradients are multiples of 1/256, so that they are exact in f32 too. Rates of
schedules are in rate_*.txt (one number a step), K-FAC's inverses in kfac.txt.
"""
import math
import os
import sys

import numpy as np

STEPS = 6


def dyadic(rng, shape, scale=1.0):
    return np.round(rng.standard_normal(shape) * scale * 256) / 256


# ---- rules: a class holds one parameter's state; step() returns what is subtracted ---------------


class Sgd:
    def __init__(self, **o):
        self.o = o

    def step(self, w, g, rate, t):
        return rate * g


class Momentum(Sgd):
    velocity = 0.0

    def step(self, w, g, rate, t):
        self.velocity = self.o["momentum"] * self.velocity + g
        return rate * self.velocity


class Nesterov(Momentum):
    def step(self, w, g, rate, t):
        super().step(w, g, rate, t)
        return rate * (g + self.o["momentum"] * self.velocity)


class Adagrad(Sgd):
    def __init__(self, **o):
        super().__init__(**o)
        self.history = []

    def step(self, w, g, rate, t):
        self.history.append(g)
        return rate * g / np.sqrt(self.o["epsilon"] + sum(x * x for x in self.history))


class Rmsprop(Sgd):
    velocity = 0.0
    square = None

    def step(self, w, g, rate, t):
        o = self.o
        if self.square is None:
            self.square = np.full_like(g, o["v0"])
        self.square = self.square + (1 - o["decay"]) * (g**2 - self.square)
        if o["variant"] == "inside_root":
            part = rate * g * (self.square + o["epsilon"]) ** -0.5
            self.velocity = part + o["momentum"] * self.velocity
            return self.velocity
        part = g / (self.square**0.5 + o["epsilon"])
        self.velocity = part + o["momentum"] * self.velocity
        return rate * self.velocity


class Adam(Sgd):
    """The means written out as weighted sums over all gradients so far."""

    def __init__(self, **o):
        super().__init__(**o)
        self.history = []

    def direction(self, g):
        self.history.append(g)
        n = len(self.history)

        def mean(values, beta):
            weights = [(1 - beta) * beta ** (n - 1 - i) for i in range(n)]
            return sum(k * x for k, x in zip(weights, values)) / (1 - beta**n)

        first = mean(self.history, self.o["beta1"])
        second = mean([x * x for x in self.history], self.o["beta2"])
        return first / (np.sqrt(second) + self.o["epsilon"])

    def step(self, w, g, rate, t):
        return rate * self.direction(g)


class Adamw(Adam):
    def step(self, w, g, rate, t):
        return rate * self.direction(g) + rate * self.o["weight_decay"] * w


class Lamb(Adam):
    def step(self, w, g, rate, t):
        d = self.direction(g) + self.o["weight_decay"] * w
        size, length = np.linalg.norm(w), np.linalg.norm(d)
        return rate * (size / length if size > 0 and length > 0 else 1.0) * d


class Lars(Sgd):
    velocity = 0.0

    def step(self, w, g, rate, t):
        wd = self.o["weight_decay"]
        size, slope = np.linalg.norm(w), np.linalg.norm(g)
        local = self.o["trust"] * size / (slope + wd * size) if size > 0 and slope > 0 else 1.0
        self.velocity = self.o["momentum"] * self.velocity + rate * local * (g + wd * w)
        return self.velocity


class Adafactor(Sgd):
    rows = columns = full = mean = 0.0

    def step(self, w, g, rate, t):
        o = self.o
        beta = 1 - t ** -o["decay_power"]
        squares = g * g + o["epsilon1"]
        if o["factored"] and g.ndim >= 2:
            # Sums, as in algorithm 4, where the engine keeps means.
            self.rows = beta * self.rows + (1 - beta) * squares.sum(-1, keepdims=True)
            self.columns = beta * self.columns + (1 - beta) * squares.sum(-2, keepdims=True)
            v = self.rows * self.columns / self.rows.sum(-2, keepdims=True)
        else:
            v = self.full = beta * self.full + (1 - beta) * squares
        u = g / np.sqrt(v)
        u = u / max(1.0, math.sqrt(np.mean(u * u)) / o["clip"])
        if o["relative_step"]:
            rate = min(rate, 1 / math.sqrt(t))
        if o["scale_parameter"]:
            size = rate * max(o["epsilon2"], math.sqrt(np.mean(w * w)))
        else:
            size = rate
        self.mean = o["momentum"] * self.mean + (1 - o["momentum"]) * size * u
        return self.mean + (rate * rate * w if o["rate_decay"] else 0.0)


def inverse_root(m, p, epsilon):
    w, v = np.linalg.eigh(m + epsilon * np.eye(len(m)))
    return (v * np.maximum(w, epsilon) ** (-1 / p)) @ v.T


def pieces(size, most):
    """The engine cuts an axis into equal pieces, the last of them shorter."""
    count = -(-size // most)
    length = -(-size // count)
    return [slice(i * length, min(size, (i + 1) * length)) for i in range(count)]


class Shampoo(Sgd):
    """Block by block, without padding. refresh() is what the second program does."""

    def __init__(self, **o):
        super().__init__(**o)
        self.left, self.right, self.roots = {}, {}, {}
        self.square = self.velocity = None

    def blocks(self, g):
        m = g.reshape(-1, g.shape[-1]) if g.ndim > 1 else g.reshape(-1, 1)
        most = self.o["block_size"]
        columns = pieces(m.shape[1], most) if g.ndim > 1 else [slice(0, 1)]
        return m, [(a, b) for a in pieces(m.shape[0], most) for b in columns]

    def refresh(self):
        for key, (left, right) in self.sums.items():
            p = 2 if right is None else 4
            self.roots[key] = (
                inverse_root(left, p, self.o["epsilon"]),
                None if right is None else inverse_root(right, p, self.o["epsilon"]),
            )

    sums = None

    def precondition(self, g):
        o, beta = self.o, self.o["beta2"]
        m, cuts = self.blocks(g)
        out = np.zeros_like(m)
        self.sums = self.sums or {}
        for key, (a, b) in enumerate(cuts):
            x = m[a, b]
            left, right = x @ x.T, x.T @ x if g.ndim > 1 else None
            new = 1.0 if beta == 1 else 1 - beta
            old = self.sums.get(key, (0.0, 0.0))
            self.sums[key] = (
                beta * old[0] + new * left,
                None if right is None else beta * old[1] + new * right,
            )
        if o["root_interval"] == 1:
            self.refresh()
        for key, (a, b) in enumerate(cuts):
            left, right = self.roots.get(key, (None, None))
            d = m[a, b] if left is None else left @ m[a, b]
            out[a, b] = d if right is None else d @ right
        return out.reshape(g.shape)

    def graft(self, g):
        o = self.o
        if o["graft"] in ("none", "sgd"):
            return g
        if o["graft"] == "adagrad":
            self.square = (o["graft_epsilon"] if self.square is None else self.square) + g * g
            return g / np.sqrt(self.square)
        old = 0.0 if self.square is None else self.square
        self.square = o["graft_decay"] * old + (1 - o["graft_decay"]) * g * g
        return g / np.sqrt(self.square + o["graft_epsilon"])

    def step(self, w, g, rate, t):
        o = self.o
        d, s = self.precondition(g), self.graft(g)
        if o["graft"] != "none":
            d = d * np.linalg.norm(s) / np.linalg.norm(d)
        if t <= o["start_step"]:
            d = s
        self.velocity = d + (0.0 if self.velocity is None else o["momentum"] * self.velocity)
        return rate * self.velocity


RULES = {
    "sgd": (Sgd, dict(learning_rate=0.01)),
    "momentum": (Momentum, dict(learning_rate=0.01, momentum=0.9)),
    "nesterov": (Nesterov, dict(learning_rate=0.01, momentum=0.9)),
    "adagrad": (Adagrad, dict(learning_rate=0.01, epsilon=1e-8)),
    "rmsprop": (
        Rmsprop,
        dict(learning_rate=1e-3, decay=0.9, momentum=0.0, epsilon=1e-8, v0=0.0,
             variant="inside_root"),
    ),
    "adam": (Adam, dict(learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8)),
    "adamw": (
        Adamw,
        dict(learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.01),
    ),
    "adafactor": (
        Adafactor,
        dict(learning_rate=1e-2, epsilon1=1e-30, epsilon2=1e-3, clip=1.0, decay_power=0.8,
             relative_step=True, scale_parameter=True, factored=True, momentum=0.0,
             rate_decay=False),
    ),
    "lars": (Lars, dict(learning_rate=1.0, momentum=0.9, weight_decay=5e-4, trust=1e-3)),
    "lamb": (
        Lamb,
        dict(learning_rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-6, weight_decay=0.01),
    ),
    "shampoo": (
        Shampoo,
        dict(learning_rate=0.01, momentum=0.9, beta2=1.0, epsilon=1e-6, block_size=1024,
             root_interval=1, start_step=5, graft="rmsprop", graft_decay=0.9, graft_epsilon=1e-8),
    ),
}

# ---- what is common to all rules -----------------------------------------------------------------

COMMON = dict(schedule="constant", warmup=0, duration=1, schedule_interval=1, hold=1,
              warmup_from_zero=False, schedule_factor=0.1, final_factor=0.0, power=2.0,
              clip_value=0.0, clip_norm=0.0, weight_decay=0.0, decoupled_decay=False,
              decay_vectors=True)


def factor(s, c):
    s = s // c["hold"] * c["hold"]
    w, kind = c["warmup"], c["schedule"]
    if s < w:
        return s / w if c["warmup_from_zero"] else (s + 1) / w
    p = min(max((s - w) / max(c["duration"] - w, 1), 0.0), 1.0)
    low = c["final_factor"]
    return {
        "constant": lambda: 1.0,
        "step": lambda: c["schedule_factor"] ** ((s - w) // c["schedule_interval"]),
        "exponential": lambda: c["schedule_factor"] ** ((s - w) / c["schedule_interval"]),
        "linear": lambda: 1 + (low - 1) * p,
        "cosine": lambda: low + (1 - low) * 0.5 * (1 + math.cos(math.pi * p)),
        "polynomial": lambda: low + (1 - low) * (1 - p) ** c["power"],
        "inverse_sqrt": lambda: math.sqrt(max(w, 1) / max(w, 1, s + 1)),
    }[kind]()


def text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


def row(x):
    return " ".join(repr(float(v)) for v in np.ravel(x)) + "\n"


def case(folder, name, rule, shapes, options=None, common=None, steps=STEPS, scale=1.0):
    cls, defaults = RULES[rule]
    o = {**defaults, **(options or {})}
    c = {**COMMON, **(common or {})}
    rng = np.random.default_rng(sum(map(ord, name)))
    params = [dyadic(rng, s) for s in shapes]
    states = [cls(**o) for _ in shapes]
    with open(os.path.join(folder, name + ".txt"), "w") as f:
        f.write(f"rule {rule}\n")
        f.writelines(f"option {k} {text(v)}\n" for k, v in (options or {}).items())
        f.writelines(f"common {k} {text(v)}\n" for k, v in (common or {}).items())
        for i, w in enumerate(params):
            f.write(f"parameter p{i} {w.ndim} " + "".join(f"{n} " for n in w.shape) + "\n" + row(w))
        f.write(f"steps {steps}\n")
        for s in range(steps):
            if s and o.get("root_interval", 1) > 1 and s % o["root_interval"] == 0:
                for state in states:
                    state.refresh()
            grads = [dyadic(rng, w.shape, scale) for w in params]
            f.writelines(row(g) for g in grads)
            rate = o["learning_rate"] * factor(s, c)
            used = list(grads)
            if c["clip_value"]:
                used = [np.clip(g, -c["clip_value"], c["clip_value"]) for g in used]
            norm = math.sqrt(sum((g * g).sum() for g in used))
            if c["clip_norm"] and norm > c["clip_norm"]:
                used = [g * (c["clip_norm"] / norm) for g in used]
            for i, (w, g) in enumerate(zip(params, used)):
                decay = c["weight_decay"] if c["decay_vectors"] or w.ndim > 1 else 0.0
                if c["decoupled_decay"]:
                    params[i] = w - states[i].step(w, g, rate, s + 1) - rate * decay * w
                else:
                    params[i] = w - states[i].step(w, g + decay * w, rate, s + 1)
            f.writelines(row(w) for w in params)
        f.write("end\n")


def rates(folder, name, common, steps, rate=0.5):
    c = {**COMMON, **common}
    with open(os.path.join(folder, f"rate_{name}.txt"), "w") as f:
        f.write(f"base {rate}\n")
        f.writelines(f"common {k} {text(v)}\n" for k, v in common.items())
        f.write(f"steps {steps}\n")
        f.write(row([rate * factor(s, c) for s in range(steps)]))
        f.write("end\n")


def kfac(folder):
    """The solution of (A + q sqrt(l) I) D (S + sqrt(l)/q I) = G, as one Kronecker system."""
    rng = np.random.default_rng(11)
    with open(os.path.join(folder, "kfac.txt"), "w") as f:
        for n, m, damping in ((3, 2, 0.25), (5, 4, 2.0), (4, 6, 0.01)):
            x, y = dyadic(rng, (9, n)), dyadic(rng, (9, m))
            a, s, g = x.T @ x / 8, y.T @ y / 8, dyadic(rng, (n, m))
            q = math.sqrt((np.trace(a) / n) / (np.trace(s) / m))
            left = a + q * math.sqrt(damping) * np.eye(n)
            right = s + math.sqrt(damping) / q * np.eye(m)
            d = np.linalg.solve(np.kron(left, right), g.ravel()).reshape(n, m)
            f.write(f"case {n} {m} {damping}\n" + row(a) + row(s) + row(g) + row(d))
        f.write("end\n")


def main(folder):
    os.makedirs(folder, exist_ok=True)
    two = [(3, 4), (4,)]
    for rule in RULES:
        case(folder, f"{rule}_defaults", rule, two, steps=8 if rule == "shampoo" else STEPS)
    other = {
        "sgd": dict(learning_rate=0.3),
        "momentum": dict(learning_rate=0.1, momentum=0.5),
        "nesterov": dict(learning_rate=0.1, momentum=0.7),
        "adagrad": dict(learning_rate=0.2, epsilon=0.1),
        "rmsprop": dict(learning_rate=0.01, decay=0.8, momentum=0.9, epsilon=1e-5, v0=1.0),
        "adam": dict(learning_rate=0.1, beta1=0.5, beta2=0.9, epsilon=0.01),
        "adamw": dict(learning_rate=0.1, beta1=0.0, beta2=0.9, epsilon=0.01, weight_decay=0.3),
        "adafactor": dict(learning_rate=0.1, epsilon1=1e-4, epsilon2=0.5, clip=0.5, decay_power=0.6,
                          relative_step=False),
        "lars": dict(learning_rate=0.5, momentum=0.4, weight_decay=0.1, trust=0.2),
        "lamb": dict(learning_rate=0.1, beta1=0.5, beta2=0.8, epsilon=0.01, weight_decay=0.2),
        "shampoo": dict(learning_rate=0.1, momentum=0.5, beta2=0.9, epsilon=0.01, start_step=2,
                        graft="adagrad", graft_epsilon=0.01),
    }
    for rule, options in other.items():
        case(folder, f"{rule}_other", rule, two, options)
    case(folder, "rmsprop_outside", "rmsprop", two,
         dict(learning_rate=0.01, momentum=0.9, epsilon=0.01, variant="outside_root"))
    case(folder, "adafactor_full", "adafactor", two, dict(factored=False, scale_parameter=False))
    case(folder, "adafactor_palm", "adafactor", two,
         dict(factored=False, momentum=0.9, rate_decay=True), dict(clip_norm=1.0))
    case(folder, "adafactor_batch", "adafactor", [(2, 3, 4)])
    blocked = dict(block_size=4, epsilon=0.01, start_step=0, momentum=0.0)
    case(folder, "shampoo_blocks", "shampoo", [(8, 3), (7,)], dict(blocked, graft="sgd"))
    case(folder, "shampoo_uneven", "shampoo", [(7, 5), (2, 3, 5)],
         dict(blocked, graft="none", beta2=0.8))
    case(folder, "shampoo_refresh", "shampoo", [(5, 3), (4,)],
         dict(epsilon=0.01, root_interval=3, start_step=1, graft="rmsprop"), steps=9)
    case(folder, "clip_value", "momentum", two, common=dict(clip_value=0.5))
    case(folder, "clip_norm", "momentum", two, common=dict(clip_norm=2.0, clip_value=1.5))
    case(folder, "clip_loose", "sgd", two, common=dict(clip_norm=1000.0))
    case(folder, "decay_coupled", "adam", two, common=dict(weight_decay=0.2, clip_norm=1.0))
    case(folder, "decay_decoupled", "adam", two, dict(learning_rate=0.1),
         dict(weight_decay=0.2, decoupled_decay=True, decay_vectors=False))
    case(folder, "scheduled", "rmsprop", two, dict(learning_rate=0.1, momentum=0.9),
         dict(schedule="linear", warmup=2, duration=6, warmup_from_zero=True))
    rates(folder, "constant", dict(warmup=4), 8)
    rates(folder, "linear",
          dict(schedule="linear", warmup=3, warmup_from_zero=True, duration=12), 15)
    rates(folder, "cosine", dict(schedule="cosine", warmup=2, duration=10, final_factor=0.1), 12)
    rates(folder, "polynomial",
          dict(schedule="polynomial", duration=9, power=1.5, final_factor=0.05), 11)
    rates(folder, "step",
          dict(schedule="step", schedule_interval=7, schedule_factor=0.3, warmup=3), 25)
    rates(folder, "exponential",
          dict(schedule="exponential", schedule_interval=5, schedule_factor=0.5), 12)
    rates(folder, "inverse_sqrt", dict(schedule="inverse_sqrt", warmup=5), 20)
    rates(folder, "epochs",
          dict(schedule="linear", warmup=15, warmup_from_zero=True, duration=60, hold=3), 66)
    kfac(folder)


if __name__ == "__main__":
    main(sys.argv[1])
