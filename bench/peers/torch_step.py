"""One training step in PyTorch, set up as well as it can be: prints one JSON object.

The peer of `cairn bench step`: same shapes, same optimiser, same number of threads, data already in
memory, medians over the steps of one process. Run by bench/peers/run."""
import argparse
import json
import os
import resource
import time


def process_age():
    with open("/proc/self/stat") as f:
        start = int(f.read().rsplit(")", 1)[1].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - start


def resnet18(torch):
    """He et al. 2016 for 32 x 32 pictures: a stem of 3 x 3, no pooling behind it."""
    nn, functional = torch.nn, torch.nn.functional

    def conv_norm(inputs, outputs, size, stride):
        conv = nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs))

    class Block(nn.Module):
        def __init__(self, inputs, outputs, stride):
            super().__init__()
            self.first = conv_norm(inputs, outputs, 3, stride)
            self.second = conv_norm(outputs, outputs, 3, 1)
            same = stride == 1 and inputs == outputs
            self.shortcut = nn.Identity() if same else conv_norm(inputs, outputs, 1, stride)

        def forward(self, x):
            y = self.second(functional.relu(self.first(x)))
            return functional.relu(y + self.shortcut(x))

    layers, inputs = [conv_norm(3, 64, 3, 1), nn.ReLU()], 64
    for stage in range(4):
        for block in range(2):
            outputs = 64 << stage
            layers.append(Block(inputs, outputs, 2 if stage and not block else 1))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def mobilenetv3(torch):
    """Howard et al. 2019, the large one, for inference."""
    nn = torch.nn
    blocks = [(3, 16, 16, 0, 0, 1), (3, 64, 24, 0, 0, 2), (3, 72, 24, 0, 0, 1),
              (5, 72, 40, 1, 0, 2), (5, 120, 40, 1, 0, 1), (5, 120, 40, 1, 0, 1),
              (3, 240, 80, 0, 1, 2), (3, 200, 80, 0, 1, 1), (3, 184, 80, 0, 1, 1),
              (3, 184, 80, 0, 1, 1), (3, 480, 112, 1, 1, 1), (3, 672, 112, 1, 1, 1),
              (5, 672, 160, 1, 1, 2), (5, 960, 160, 1, 1, 1), (5, 960, 160, 1, 1, 1)]

    def conv_norm(inputs, outputs, size=1, stride=1, groups=1):
        conv = nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2, groups=groups, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs, eps=1e-3))

    class Excite(nn.Module):
        def __init__(self, channels):
            super().__init__()
            inner = max(8, (channels // 4 + 4) // 8 * 8)
            self.share = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, inner, 1),
                                       nn.ReLU(), nn.Conv2d(inner, channels, 1), nn.Hardsigmoid())

        def forward(self, x):
            return x * self.share(x)

    class Block(nn.Module):
        def __init__(self, inputs, size, expanded, outputs, excite, swish, stride):
            super().__init__()
            bend = nn.Hardswish if swish else nn.ReLU
            parts = [] if expanded == inputs else [conv_norm(inputs, expanded), bend()]
            parts += [conv_norm(expanded, expanded, size, stride, expanded), bend()]
            parts += [Excite(expanded)] if excite else []
            self.parts = nn.Sequential(*parts, conv_norm(expanded, outputs))
            self.same = stride == 1 and inputs == outputs

        def forward(self, x):
            return self.parts(x) + x if self.same else self.parts(x)

    layers, inputs = [conv_norm(3, 16, 3, 2), nn.Hardswish()], 16
    for block in blocks:
        layers.append(Block(inputs, *block))
        inputs = block[2]
    layers += [conv_norm(160, 960), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
               nn.Linear(960, 1280), nn.Hardswish(), nn.Linear(1280, 1000)]
    return nn.Sequential(*layers).eval()


def build(torch, name):
    """The model's loss as a function of nothing, its parameters, its optimiser and that one's options."""
    nn, functional = torch.nn, torch.nn.functional
    if name == "autoencoder":
        sizes = [784, 1000, 500, 250, 30, 250, 500, 1000, 784]
        layers = []
        for i, (p, q) in enumerate(zip(sizes, sizes[1:])):
            layers.append(nn.Linear(p, q))
            if i not in (3, 7):
                layers.append(nn.Tanh())
        model = nn.Sequential(*layers)
        x = torch.rand(1000, 784)

        def loss():
            return functional.binary_cross_entropy_with_logits(model(x), x, reduction="sum") / 1000
    elif name == "resnet18":
        # Channels first: on processors the faster of both memory formats.
        model = resnet18(torch)
        x = torch.rand(32, 3, 32, 32)
        label = torch.arange(32) % 10

        def loss():
            return functional.cross_entropy(model(x), label)
        return loss, list(model.parameters()), torch.optim.SGD, {"momentum": 0.9}
    elif name == "mobilenetv3":
        model, x = mobilenetv3(torch), torch.rand(1, 3, 224, 224)
        return lambda: model(x), [], None, {}
    elif name in ("gpt", "vit"):
        from transformers_peer import gpt, vit
        model, inputs, label = (gpt if name == "gpt" else vit)(torch)

        def loss():
            return functional.cross_entropy(model(inputs).flatten(0, -2), label)
        return loss, list(model.parameters()), torch.optim.AdamW, {}
    elif name == "lstm":
        embedding, lstm = nn.Embedding(10004, 96), nn.LSTM(96, 670)
        head = nn.Sequential(nn.Linear(670, 96), nn.Linear(96, 10004))
        model = nn.ModuleList([embedding, lstm, head])
        index = torch.arange(20 * 32) % 10004
        tokens, label = index.view(20, 32), index

        def loss():
            return functional.cross_entropy(head(lstm(embedding(tokens))[0]).flatten(0, 1), label)
        return loss, list(model.parameters()), torch.optim.SGD, {}
    else:
        model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
        x, label = torch.rand(64, 784), torch.arange(64) % 10

        def loss():
            return functional.cross_entropy(model(x), label)
    return loss, list(model.parameters()), torch.optim.Adam, {}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="autoencoder",
                        choices=["autoencoder", "mlp", "resnet18", "gpt", "vit", "lstm",
                                 "mobilenetv3"])
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()

    import torch
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    loss, parameters, optimizer, options = build(torch, arguments.model)
    if optimizer:
        optimizer = optimizer(parameters, lr=1e-3, fused=True, **options)
    if arguments.compile:
        loss = torch.compile(loss)

    def step():
        if not optimizer:
            with torch.inference_mode():
                loss()
            return
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        optimizer.step()

    step()
    first = process_age()
    warm = time.perf_counter() + 0.3 * arguments.seconds
    while time.perf_counter() < warm:
        step()
    times, end = [], time.perf_counter() + arguments.seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    times.sort()
    print(json.dumps({
        "step_ms": 1e3 * times[len(times) // 2],
        "first_step_ms": 1e3 * first,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "version": torch.__version__,
    }))


main()
