"""Golden bytes for tests/report/events_test.c, and a check that TensorBoard reads our files.

    pip install tensorboard
    python tools/golden/events.py                      prints the bytes, as hexadecimal
    CAIRN_EVENTS_SAMPLE=DIR build/tests/events_test a_whole_file
    python tools/golden/events.py DIR                  reads what the test wrote
"""
import io
import struct
import sys

from tensorboard.compat.proto import summary_pb2
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.summary.writer.record_writer import RecordWriter


def golden():
    """The order of fields is the order of their numbers only inside one message; ours writes tag,
    tensor and metadata in that order, which is also theirs."""
    file = io.BytesIO()
    RecordWriter(file).write(b"cairn")
    print("record ", file.getvalue().hex())

    scalar = summary_pb2.Summary()
    scalar.value.add(tag="loss", simple_value=0.25)
    print("scalar ", scalar.SerializeToString().hex())

    text = summary_pb2.Summary()
    value = text.value.add(tag="note")
    value.tensor.dtype = 7
    value.tensor.tensor_shape.dim.add(size=1)
    value.tensor.string_val.append(b"two *words*")
    value.metadata.plugin_data.plugin_name = "text"
    print("text   ", text.SerializeToString().hex())

    # Maps have no order in protocol buffers, so one entry at a time is joined by hand.
    def entry(key, **kind):
        start = plugin_data_pb2.SessionStartInfo()
        for name, content in kind.items():
            setattr(start.hparams[key], name, content)
        return start.SerializeToString()

    start = (entry("rate", number_value=0.5) + entry("batch", number_value=32)
             + entry("mixup", bool_value=True) + entry("warmup", string_value="5ep")
             + b"\x29" + struct.pack("<d", 1000.5))
    assert plugin_data_pb2.SessionStartInfo.FromString(start).start_time_secs == 1000.5
    options = summary_pb2.Summary()
    value = options.value.add(tag="_hparams_/session_start_info")
    value.tensor.dtype = 1
    value.tensor.tensor_shape.dim.add(size=1)
    value.tensor.float_val.append(0)
    value.metadata.plugin_data.plugin_name = "hparams"
    value.metadata.plugin_data.content = b"\x1a" + bytes([len(start)]) + start
    print("options", options.SerializeToString().hex())


def read(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.metadata import parse_session_start_info_plugin_data

    events = EventAccumulator(folder)
    events.Reload()
    scalars = events.Scalars("loss/train")
    assert [s.step for s in scalars] == list(range(100, 105)), scalars
    assert all(abs(s.value * s.step - 1) < 1e-6 for s in scalars), scalars
    histogram = events.Histograms("weights")[0].histogram_value
    assert (histogram.min, histogram.max, histogram.num, histogram.sum) == (0, 4, 4, 7)
    assert sum(histogram.bucket) == 4 and len(histogram.bucket) == len(histogram.bucket_limit)
    image = events.Images("input")[0]
    assert (image.width, image.height) == (3, 2) and image.encoded_image_string[1:4] == b"PNG"
    assert events.Tensors("note")[0].tensor_proto.string_val[0] == b"two *words*"
    tag, = events.summary_metadata.keys() & {"_hparams_/session_start_info"}
    start = parse_session_start_info_plugin_data(
        events.summary_metadata[tag].plugin_data.content)
    assert start.hparams["rate"].number_value == 0.5 and start.hparams["mixup"].bool_value
    assert start.hparams["warmup"].string_value == "5ep"
    print("TensorBoard reads", folder, events.Tags())


if __name__ == "__main__":
    read(sys.argv[1]) if len(sys.argv) > 1 else golden()
