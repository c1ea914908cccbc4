#!/usr/bin/env python3
"""The Grad-CAM maps of tests/methods/spl_test.c, in float64 with PyTorch: a small network whose
weights are sines, two pictures, the gradient by autograd, bilinear upsampling."""
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def sines(shape, step, scale):
    n = torch.Size(shape).numel()
    return (scale * torch.sin(step * torch.arange(1, n + 1, dtype=torch.float64))).reshape(shape)


# Channels last, as Cairn stores them: [B, H, W, C], [k, k, C, out], [C, classes].
x = sines((2, 6, 6, 2), 0.7, 1.0)
w = sines((3, 3, 2, 4), 1.3, 0.5)
head = sines((4, 3), 2.1, 0.8)
a = F.relu(F.conv2d(x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1)))  # [2, 4, 4, 4]
a.requires_grad_(True)
# A square behind the features makes the gradient differ from place to place.
logits = (a + 0.25 * a**2).mean((2, 3)) @ head
score = logits[0, 2] + logits[1, 0]
(d,) = torch.autograd.grad(score, a)
maps = F.relu((d.mean((2, 3), keepdim=True) * a).sum(1, keepdim=True))
print("logits", logits.detach().flatten().tolist())
print("maps", [round(v, 9) for v in maps.detach().flatten().tolist()])
big = F.interpolate(maps, size=(6, 8), mode="bilinear", align_corners=False)
print("upsampled rows 0 and 3 of both")
for b in range(2):
    for r in (0, 3):
        print([round(v, 9) for v in big[b, 0, r].detach().tolist()])
