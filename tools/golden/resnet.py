"""Golden values for tests/nn/resnet_test.c: residual networks in PyTorch, float64.

    pip install torch numpy
    python tools/golden/resnet.py tests/nn/golden        writes every file in that folder

A file is one case:

    case LAYERS IMAGENET_STEM SIZE BATCH WIDTH CLASSES
    logits N, then as many numbers        loss, one number
    parameter I COUNT, then the sum of the gradient, its sum of squares, its first element
    state I COUNT, then the sum and the sum of squares of the new value

Parameters and states are numbered in the order in which Cairn creates them. All values come from
value(): number i of stream s, the same arithmetic as in the test.
"""
import os
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional


def value(stream, count):
    """Uniform in -0.5 .. 0.5, from a hash of integers."""
    i = np.arange(count, dtype=np.uint64)
    h = (i * np.uint64(2654435761) + np.uint64(stream) * np.uint64(40503)) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(15)
    h = (h * np.uint64(2246822519)) & np.uint64(0xFFFFFFFF)
    h ^= h >> np.uint64(13)
    return h.astype(np.float64) / 4294967296.0 - 0.5


class Net(nn.Module):
    """Cairn's ResNet: variables in its order of creation, channels last outside."""

    def __init__(self, layers, imagenet_stem, width, classes):
        super().__init__()
        self.ordered = []  # (kind, tensor)
        blocks, self.bottleneck = {18: ([2, 2, 2, 2], False), 34: ([3, 4, 6, 3], False),
                                   50: ([3, 4, 6, 3], True)}[layers]
        self.imagenet_stem = imagenet_stem
        self.layers = []
        self.stem = self.conv_norm(3, width, 7 if imagenet_stem else 3, 2 if imagenet_stem else 1)
        inputs = width
        for stage, count in enumerate(blocks):
            for i in range(count):
                channels, stride = width << stage, 2 if stage and i == 0 else 1
                outputs = 4 * channels if self.bottleneck else channels
                if self.bottleneck:
                    body = [self.conv_norm(inputs, channels, 1, 1),
                            self.conv_norm(channels, channels, 3, stride),
                            self.conv_norm(channels, outputs, 1, 1)]
                else:
                    body = [self.conv_norm(inputs, channels, 3, stride),
                            self.conv_norm(channels, outputs, 3, 1)]
                same = stride == 1 and inputs == outputs
                self.layers.append(
                    (body, None if same else self.conv_norm(inputs, outputs, 1, stride)))
                inputs = outputs
        self.head = nn.Linear(inputs, classes).double()
        self.ordered += [("matrix", self.head.weight), ("vector", self.head.bias)]

    def conv_norm(self, inputs, outputs, size, stride):
        conv = nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2, bias=False).double()
        norm = nn.BatchNorm2d(outputs).double()
        self.ordered += [("conv", conv.weight), ("scale", norm.weight), ("vector", norm.bias),
                         ("mean", norm.running_mean), ("variance", norm.running_var)]
        return nn.Sequential(conv, norm)

    def forward(self, x):
        x = functional.relu(self.stem(x))
        if self.imagenet_stem:
            x = functional.max_pool2d(x, 3, 2, 1)
        for body, shortcut in self.layers:
            y = x
            for i, part in enumerate(body):
                y = part(functional.relu(y) if i else y)
            x = functional.relu(y + (shortcut(x) if shortcut else x))
        return self.head(x.mean((2, 3)))


def ours(kind, tensor):
    """A tensor as Cairn stores it."""
    a = tensor.detach().numpy()
    if kind == "conv":
        return a.transpose(2, 3, 1, 0).ravel()
    return a.T.ravel() if kind == "matrix" else a.ravel()


def fill(kind, tensor, stream):
    a = value(stream, tensor.numel())
    shape = tuple(tensor.shape)
    if kind == "conv":
        o, c, h, w = shape
        a = (a * np.sqrt(24.0 / (c * h * w))).reshape(h, w, c, o).transpose(3, 2, 0, 1)
    elif kind == "matrix":
        a = (a * np.sqrt(12.0 / shape[1])).reshape(shape[::-1]).T
    elif kind in ("scale", "variance"):
        a = a + 1.0
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(a)))


def case(folder, name, layers, imagenet_stem, size, batch, width, classes):
    net = Net(layers, imagenet_stem, width, classes).train()
    for stream, (kind, tensor) in enumerate(net.ordered):
        fill(kind, tensor, stream + 1)
    x = torch.from_numpy(value(1000, batch * size * size * 3).reshape(batch, size, size, 3))
    logits = net(x.permute(0, 3, 1, 2))
    loss = functional.cross_entropy(logits, torch.arange(batch) % classes)
    loss.backward()
    with open(os.path.join(folder, name + ".txt"), "w") as out:
        print("case", layers, int(imagenet_stem), size, batch, width, classes, file=out)
        print("logits", logits.numel(), *["%.15g" % v for v in logits.detach().numpy().ravel()],
              file=out)
        print("loss %.15g" % loss.item(), file=out)
        for i, (kind, tensor) in enumerate(net.ordered):
            trained = kind not in ("mean", "variance")
            a = ours(kind, tensor.grad if trained else tensor)
            first = [a[0]] if trained else []
            print("parameter" if trained else "state", i, a.size,
                  *["%.15g" % v for v in [a.sum(), (a * a).sum()] + first], file=out)
        print("end", file=out)


def main():
    folder = sys.argv[1]
    case(folder, "resnet18", 18, False, 16, 3, 4, 5)
    case(folder, "resnet50", 50, True, 64, 2, 2, 3)


main()
