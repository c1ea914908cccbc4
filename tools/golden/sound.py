"""Golden values for tests/data/sound_test.c, in float64 with NumPy; and small FLAC, MP3 and Ogg
files by libsndfile.

    pip install numpy soundfile
    python tools/golden/sound.py tests/data/golden/sound

writes golden.txt into the folder: lines `logmel BINS T B VALUE`, `resample FROM TO J VALUE` and
`file NAME RATE CHANNELS LENGTH J VALUE`, with channel 0 of sample J. The signal is that of signal()
below, which the test makes again by itself.
"""
import os
import sys

import numpy as np
import soundfile


def signal(n, rate):
    """Two tones and a rising one."""
    t = np.arange(n) / rate
    x = 0.4 * np.sin(2 * np.pi * 440 * t) + 0.2 * np.sin(2 * np.pi * 1900 * t + 1)
    x = x + 0.3 * np.sin(2 * np.pi * (100 * t + 800 * t * t))
    return x.astype(np.float32).astype(np.float64)


def logmel(x, bins, rate=16000, window=400, hop=160, low=125, high=7500):
    """The front end of TRILL and TRILLsson, straight from its description."""
    n = 512
    frames = np.stack([x[t * hop:t * hop + window] for t in range(1 + (len(x) - window) // hop)])
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    k, j = np.arange(n // 2 + 1)[:, None], np.arange(window)[None]
    # The sum that defines the transform: no library's FFT is trusted here.
    spectrum = np.abs((frames * hann) @ np.exp(-2j * np.pi * k * j / n).T)

    def mel(f):
        return 1127 * np.log(1 + f / 700)

    corners = np.linspace(mel(low), mel(high), bins + 2)
    at = mel(np.arange(n // 2 + 1) * rate / n)[:, None]
    up = (at - corners[:-2]) / (corners[1:-1] - corners[:-2])
    down = (corners[2:] - at) / (corners[2:] - corners[1:-1])
    weights = np.maximum(0, np.minimum(up, down))
    weights[0] = 0
    if bins == 80:  # published facts about this filter bank
        assert np.count_nonzero(weights) == 463
        assert abs(weights[5, 0] - 0.688660425) < 1e-9
    return np.log(np.maximum(spectrum @ weights, 1e-12) + 1e-3)


def resample(x, old, new):
    base = 0.99 * min(old, new)
    out = []
    for j in range(-(-len(x) * new // old)):
        t = (np.arange(len(x)) / old - j / new) * base
        window = np.where(np.abs(t) < 6, np.cos(np.pi * t / 12) ** 2, 0)
        out.append(np.sum(x * window * np.sinc(t)) * base / old)
    return np.array(out)


def main(folder):
    os.makedirs(folder, exist_ok=True)
    lines = []
    for bins in (64, 80):
        values = logmel(signal(4000, 16000), bins)
        for t in range(0, len(values), 7):
            for b in range(0, bins, 9):
                lines.append(f"logmel {bins} {t} {b} {values[t, b]:.9f}")
    for old, new in ((8000, 16000), (16000, 8000), (44100, 16000), (16000, 44100), (16000, 15999)):
        values = resample(signal(1500, old), old, new)
        for j in list(range(0, len(values), 97)) + [1, len(values) - 1]:
            lines.append(f"resample {old} {new} {j} {values[j]:.9f}")
    x = signal(4000, 16000)
    stereo = np.stack([x, x[::-1] * 0.5], axis=1)
    soundfile.write(f"{folder}/mono.flac", x, 16000, subtype="PCM_16")
    soundfile.write(f"{folder}/stereo.flac", stereo, 16000, subtype="PCM_24")
    soundfile.write(f"{folder}/mono.ogg", x, 16000, format="OGG", subtype="VORBIS")
    soundfile.write(f"{folder}/mono.mp3", x, 16000, format="MP3")
    for name in ("mono.flac", "stereo.flac", "mono.ogg"):
        values, rate = soundfile.read(f"{folder}/{name}", dtype="float64", always_2d=True)
        for j in range(0, len(values), 211):
            lines.append(f"file {name} {rate} {values.shape[1]} {len(values)} {j} "
                         f"{values[j, 0]:.9f}")
    with open(f"{folder}/golden.txt", "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
