"""Golden pictures for tests/data/image_test.c, from Pillow.

    pip install pillow numpy
    python tools/golden/pictures.py tests/data/golden/pictures

writes small files into the folder, and golden.txt there: what Pillow decodes from each and what its
resize() and its operations give, as sizes and FNV-1a hashes of the pixels.
"""
import os
import sys

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS,
           "box": Image.BOX}


def picture(width, height, channels):
    """Byte i is the upper byte of i * 2654435761 + i^2 * 40503 (mod 2^32) halved, beside a ramp:
    noise and slopes, which the test makes again by itself."""
    i = np.arange(width * height * channels, dtype=np.uint64)
    noise = ((i * 2654435761 + i * i * 40503) & 0xFFFFFFFF) >> 24
    pixels = ((noise >> 1) + (i * 255 // len(i) >> 1)).astype(np.uint8)
    shape = (height, width) if channels == 1 else (height, width, channels)
    return Image.fromarray(pixels.reshape(shape))


def fnv(image):
    value = 14695981039346656037
    for byte in image.tobytes():
        value = (value ^ byte) * 1099511628211 & (2**64 - 1)
    return f"{value:016x}"


def smooth(width, height):
    """A picture that survives JPEG: coloured waves."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [128 + 100 * np.sin(x / 5 + y / 9), 128 + 100 * np.cos(x / 7 - y / 4), 255 * x / width]
    return Image.fromarray(np.stack(waves, axis=-1).astype(np.uint8))


def affine(matrix):
    return lambda image, _: image.transform(image.size, Image.AFFINE, matrix, Image.NEAREST,
                                            fillcolor=(128,) * len(image.getbands()))


def operations():
    """Name, amount and what Pillow does for it."""
    for factor in (0, 0.1, 0.55, 1, 1.45, 1.9):
        for name in ("Brightness", "Contrast", "Color", "Sharpness"):
            yield name, factor, lambda image, f, n=name: getattr(ImageEnhance, n)(image).enhance(f)
    for threshold in (0, 26, 128, 256):
        yield "Solarize", threshold, ImageOps.solarize
    for bits in (4, 6, 8):
        yield "Posterize", bits, lambda image, b: ImageOps.posterize(image, int(b))
    yield "AutoContrast", 0, lambda image, _: ImageOps.autocontrast(image)
    yield "Equalize", 0, lambda image, _: ImageOps.equalize(image)
    for angle in (-30, 2.7, 27):
        yield "Rotate", angle, lambda image, a: image.rotate(
            a, Image.NEAREST, fillcolor=(128,) * len(image.getbands()))
    for shear in (-0.3, 0.27):
        yield "ShearX", shear, affine((1, shear, 0, 0, 1, 0))
        yield "ShearY", shear, affine((1, 0, 0, shear, 1, 0))
    for by in (-7, 9):
        yield "TranslateX", by, affine((1, 0, by, 0, 1, 0))
        yield "TranslateY", by, affine((1, 0, 0, 0, 1, by))


def main(folder):
    os.makedirs(folder, exist_ok=True)
    rgb = smooth(37, 29)
    rgb.save(f"{folder}/half.jpg", quality=85)
    rgb.save(f"{folder}/full.jpg", quality=95, subsampling=0)
    rgb.save(f"{folder}/row.jpg", quality=70, subsampling=1)
    rgb.save(f"{folder}/progressive.jpg", quality=80, progressive=True)
    rgb.convert("L").save(f"{folder}/grey.jpg", quality=90)
    rgb.convert("CMYK").save(f"{folder}/cmyk.jpg", quality=90)
    rgb.save(f"{folder}/rgb.png")
    rgb.convert("L").save(f"{folder}/grey.png")
    rgb.convert("1").save(f"{folder}/bits.png")
    rgb.quantize(16).save(f"{folder}/palette.png")
    alpha = rgb.copy()
    alpha.putalpha(rgb.convert("L"))
    alpha.save(f"{folder}/alpha.png")
    with open(f"{folder}/golden.txt", "w") as out:
        out.write("# tools/golden/pictures.py\n")
        for name in sorted(os.listdir(folder)):
            if name == "golden.txt":
                continue
            for color, mode in (("rgb", "RGB"), ("grey", "L")):
                # A picture with a palette or four inks goes to grey by way of RGB, as all others.
                image = Image.open(f"{folder}/{name}")
                image = image if image.mode == "L" else image.convert("RGB")
                image = image.convert(mode)
                out.write(f"decode {name} {color} {image.width} {image.height} {fnv(image)}\n")
        for width, height, channels, w, h in (
                (40, 30, 3, 17, 13), (40, 30, 3, 40, 13), (40, 30, 3, 13, 30), (40, 30, 3, 97, 61),
                (40, 30, 1, 17, 13), (40, 30, 1, 97, 31), (1, 1, 3, 5, 4), (300, 200, 3, 224, 224),
                (300, 200, 3, 7, 5), (257, 255, 1, 1, 1), (33, 64, 3, 32, 65)):
            for name, code in FILTERS.items():
                small = picture(width, height, channels).resize((w, h), code)
                out.write(f"resize {width} {height} {channels} {w} {h} {name} {fnv(small)}\n")
        for name, amount, change in operations():
            image = Image.fromarray(np.asarray(picture(41, 32, 3)) // 2 + 40)
            out.write(f"operation {name} {amount} {fnv(change(image, amount))}\n")


main(sys.argv[1])
