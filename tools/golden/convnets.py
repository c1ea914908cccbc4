"""Golden values for tests/nn/convnet_test.c: convolutional networks in PyTorch, float64.

    pip install torch numpy
    python tools/golden/convnets.py tests/nn/golden      writes every file in that folder

A file is one case:

    case MODEL VARIANT STEM SIZE BATCH WIDTH CLASSES     layers of a resnet (of videos: video), size
                                                         of a mobilenet, hundredths of the depth of
                                                         an efficientnet
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


class ResNet(nn.Module):
    """Cairn's ResNet: variables in its order of creation, channels last outside."""

    def __init__(self, layers, imagenet_stem, width, classes, video=False):
        super().__init__()
        self.video = video
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
        padding = (size - 1) // 2
        if self.video and size == 7:
            size, stride, padding = (3, 7, 7), (1, 2, 2), (1, 3, 3)
        conv = (nn.Conv3d if self.video else nn.Conv2d)(inputs, outputs, size, stride, padding,
                                                        bias=False).double()
        norm = (nn.BatchNorm3d if self.video else nn.BatchNorm2d)(outputs).double()
        self.ordered += [("conv", conv.weight), ("scale", norm.weight), ("vector", norm.bias),
                         ("mean", norm.running_mean), ("variance", norm.running_var)]
        return nn.Sequential(conv, norm)

    def forward(self, x):
        x = functional.relu(self.stem(x))
        if self.imagenet_stem and not self.video:
            x = functional.max_pool2d(x, 3, 2, 1)
        for body, shortcut in self.layers:
            y = x
            for i, part in enumerate(body):
                y = part(functional.relu(y) if i else y)
            x = functional.relu(y + (shortcut(x) if shortcut else x))
        return self.head(x.flatten(2).mean(2))


SMALL = [(3, 16, 16, True, "re", 2), (3, 72, 24, False, "re", 2), (3, 88, 24, False, "re", 1),
         (5, 96, 40, True, "hs", 2), (5, 240, 40, True, "hs", 1), (5, 240, 40, True, "hs", 1),
         (5, 120, 48, True, "hs", 1), (5, 144, 48, True, "hs", 1), (5, 288, 96, True, "hs", 2),
         (5, 576, 96, True, "hs", 1), (5, 576, 96, True, "hs", 1)]


def rounded(channels):
    n = max(8, int(channels + 4) // 8 * 8)
    return n + 8 if n < 0.9 * channels else n


class MobileNet(nn.Module):
    """MobileNetV3 small without dropout, its parts as functions in the order of computation."""

    def __init__(self, width, classes):
        super().__init__()
        self.ordered, self.parts = [], []
        self.conv_norm(3, rounded(16 * width), 3, 2)
        self.parts.append(functional.hardswish)
        inputs = rounded(16 * width)
        for size, expanded, outputs, squeeze, kind, stride in SMALL:
            expanded, outputs = rounded(expanded * width), rounded(outputs * width)
            bend = functional.hardswish if kind == "hs" else functional.relu
            start = len(self.parts)
            if expanded != inputs:
                self.conv_norm(inputs, expanded, 1, 1)
                self.parts.append(bend)
            self.conv_norm(expanded, expanded, size, stride, expanded)
            self.parts.append(bend)
            if squeeze:
                self.squeeze(expanded)
            self.conv_norm(expanded, outputs, 1, 1)
            if stride == 1 and inputs == outputs:
                self.parts[start:] = [self.residual(self.parts[start:])]
            inputs = outputs
        self.conv_norm(inputs, 6 * inputs, 1, 1)
        self.parts += [functional.hardswish, lambda x: x.mean((2, 3)),
                       self.linear(6 * inputs, 1024), functional.hardswish,
                       self.linear(1024, classes)]

    def conv_norm(self, inputs, outputs, size, stride, groups=1):
        conv = nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2, groups=groups,
                         bias=False).double()
        norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01).double()
        self.ordered += [("conv", conv.weight), ("scale", norm.weight), ("vector", norm.bias),
                         ("mean", norm.running_mean), ("variance", norm.running_var)]
        self.parts += [conv, norm]

    def linear(self, inputs, outputs):
        layer = nn.Linear(inputs, outputs).double()
        self.ordered += [("matrix", layer.weight), ("vector", layer.bias)]
        return layer

    def squeeze(self, channels):
        first = self.linear(channels, rounded(channels / 4))
        second = self.linear(rounded(channels / 4), channels)

        def part(x):
            share = functional.hardsigmoid(second(functional.relu(first(x.mean((2, 3))))))
            return x * share[:, :, None, None]
        self.parts.append(part)

    @staticmethod
    def residual(parts):
        def part(x):
            y = x
            for p in parts:
                y = p(y)
            return x + y
        return part

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return x


class EfficientNet(MobileNet):
    """EfficientNetV2-S without dropout."""

    STAGES = [(1, 24, 2, 1, True), (4, 48, 4, 2, True), (4, 64, 4, 2, True),
              (4, 128, 6, 2, False), (6, 160, 9, 1, False), (6, 256, 15, 2, False)]

    def __init__(self, width, depth, classes):
        nn.Module.__init__(self)
        self.ordered, self.parts = [], []
        inputs = rounded(24 * width)
        self.bent(3, inputs, 3, 2)
        for expansion, channels, blocks, first_stride, fused in self.STAGES:
            outputs = rounded(channels * width)
            for i in range(int(np.ceil(blocks * depth))):
                stride, start = 1 if i else first_stride, len(self.parts)
                expanded = rounded(expansion * inputs)
                if fused:
                    self.bent(inputs, expanded if expansion > 1 else outputs, 3, stride)
                else:
                    self.bent(inputs, expanded, 1, 1)
                    self.bent(expanded, expanded, 3, stride, expanded)
                    self.squeeze(expanded, max(1, inputs // 4))
                if expansion > 1:
                    self.conv_norm(expanded, outputs, 1, 1)
                if stride == 1 and inputs == outputs:
                    self.parts[start:] = [self.residual(self.parts[start:])]
                inputs = outputs
        self.bent(inputs, rounded(1280 * width), 1, 1)
        self.parts += [lambda x: x.mean((2, 3)), self.linear(rounded(1280 * width), classes)]

    def bent(self, *shape):
        self.conv_norm(*shape)
        self.parts[-1].momentum = 0.1
        self.parts.append(functional.silu)

    def conv_norm(self, *shape):
        super().conv_norm(*shape)
        self.parts[-1].momentum = 0.1

    def squeeze(self, channels, units):
        first, second = self.linear(channels, units), self.linear(units, channels)
        self.parts.append(lambda x: x * torch.sigmoid(
            second(functional.silu(first(x.mean((2, 3))))))[:, :, None, None])


def ours(kind, tensor):
    """A tensor as Cairn stores it."""
    a = tensor.detach().numpy()
    if kind == "conv":
        return np.moveaxis(a, (1, 0), (-2, -1)).ravel()
    return a.T.ravel() if kind == "matrix" else a.ravel()


def fill(kind, tensor, stream):
    a = value(stream, tensor.numel())
    shape = tuple(tensor.shape)
    if kind == "conv":
        a = a * np.sqrt(24.0 / np.prod(shape[1:]))
        a = np.moveaxis(a.reshape(*shape[2:], shape[1], shape[0]), (-2, -1), (1, 0))
    elif kind == "matrix":
        a = (a * np.sqrt(12.0 / shape[1])).reshape(shape[::-1]).T
    elif kind in ("scale", "variance"):
        a = a + 1.0
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(a)))


def case(folder, name, model, variant, imagenet_stem, size, batch, width, classes):
    if model in ("resnet", "video"):
        net = ResNet(variant, imagenet_stem, width, classes, model == "video")
    elif model == "efficientnet":
        net = EfficientNet(width / 64, variant / 100, classes)
    else:
        net = MobileNet(width / 64, classes)
    for part in net.modules():
        part.train()
    for stream, (kind, tensor) in enumerate(net.ordered):
        fill(kind, tensor, stream + 1)
    shape = (batch, size // 4, size, size, 3) if model == "video" else (batch, size, size, 3)
    x = torch.from_numpy(value(1000, int(np.prod(shape))).reshape(shape))
    logits = net(x.movedim(-1, 1))
    loss = functional.cross_entropy(logits, torch.arange(batch) % classes)
    loss.backward()
    with open(os.path.join(folder, name + ".txt"), "w") as out:
        print("case", model, variant, int(imagenet_stem), size, batch, width, classes, file=out)
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
    case(folder, "resnet18", "resnet", 18, False, 16, 3, 4, 5)
    case(folder, "resnet50", "resnet", 50, True, 64, 2, 2, 3)
    case(folder, "mobilenet", "mobilenet", 0, False, 64, 3, 16, 5)
    case(folder, "efficientnet", "efficientnet", 25, False, 64, 3, 16, 5)
    case(folder, "video", "video", 18, True, 32, 2, 2, 3)


main()
