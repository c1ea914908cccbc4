#!/usr/bin/env python3
"""Compares what onnxruntime makes of Cairn's ONNX files with Cairn's own results.

    tools/onnx/check.py BUILD

Runs BUILD/tests/onnx_cases, checks each model with onnx's own checker where that is installed, and
prints the largest difference over the largest expected element for each model, and for the worst of
the ops. The bound is 1e-4; whole numbers must be equal. Exit status 77 where onnxruntime or numpy
cannot be imported.
"""
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

BOUND = 1e-4

try:
    import numpy
    import onnxruntime
except ImportError as missing:
    print(f"check.py: skipped, {missing}")
    sys.exit(77)
try:
    import onnx
except ImportError:
    onnx = None

TYPES = {"tensor(float)": numpy.float32, "tensor(int32)": numpy.int32,
         "tensor(uint8)": numpy.uint8, "tensor(bool)": numpy.bool_}


def read_fields(path):
    data = path.read_bytes()
    length, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    fields = {}
    for name, about in header.items():
        if name != "__metadata__":
            start, end = about["data_offsets"]
            fields[name] = numpy.frombuffer(data[8 + length + start:8 + length + end], "<f4")
    return fields


def difference(found, wanted):
    """The largest difference over the largest finite element; infinities and NaN must agree."""
    found, wanted = found.astype(numpy.float64).ravel(), wanted.astype(numpy.float64)
    if found.shape != wanted.shape:
        return numpy.inf
    finite = numpy.isfinite(wanted)
    if not numpy.array_equal(found[~finite], wanted[~finite], equal_nan=True):
        return numpy.inf
    if not finite.any():
        return 0.0
    most = numpy.abs(found[finite] - wanted[finite]).max()
    return float(most / max(numpy.abs(wanted[finite]).max(), 1e-6))


def run(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if onnx:
        onnx.checker.check_model(str(model), full_check=True)
    session = onnxruntime.InferenceSession(str(model), options,
                                           providers=["CPUExecutionProvider"])
    fields = read_fields(model.with_suffix(".safetensors"))
    feeds = {x.name: fields["in." + x.name].astype(TYPES[x.type]).reshape(x.shape)
             for x in session.get_inputs()}
    results = session.run(None, feeds)
    worst = 0.0
    for output, found in zip(session.get_outputs(), results):
        exact = not numpy.issubdtype(found.dtype, numpy.floating)
        far = difference(found, fields["out." + output.name])
        worst = max(worst, numpy.inf if exact and far else far)
        if list(found.shape) != list(output.shape):
            worst = numpy.inf
    return worst


def main():
    build = Path(sys.argv[1])
    failed, ops = 0, {}
    with tempfile.TemporaryDirectory() as directory:
        made = subprocess.run([build / "tests" / "onnx_cases", directory]).returncode
        for model in sorted(Path(directory).glob("*.onnx")):
            try:
                worst, why = run(model), ""
            except Exception as error:  # whatever a foreign library throws is a failure of the case
                worst, why = numpy.inf, f" ({str(error).splitlines()[0][:300]})"
            if model.stem.startswith("op-"):
                ops[model.stem] = worst
            if worst > BOUND or not model.stem.startswith("op-"):
                print(f"{'FAIL' if worst > BOUND else '  ok'} {model.stem}: {worst:.2g}{why}")
            failed += worst > BOUND
    if ops:
        name = max(ops, key=ops.get)
        print(f"{len(ops)} samples of ops, the farthest {name}: {ops[name]:.2g}")
    print(f"{failed} failed, onnxruntime {onnxruntime.__version__}, bound {BOUND:g}")
    return failed or made or not ops


sys.exit(1 if main() else 0)
