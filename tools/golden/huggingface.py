"""Fixtures for tests/weights/: tiny models of `transformers` with random weights, and the logits
that PyTorch finds for them in float64; GGUF files of the Llama one and of one row of blocks of each
quantised type, with the values that the `gguf` package finds.

    pip install torch transformers gguf
    python tools/golden/huggingface.py tests/weights/golden

A folder NAME holds config.json, model.safetensors and expected.safetensors: "x" (tokens, or
pictures with channels last) and "logits". tests/weights/ reads them; it needs none of this."""
import json
import os
import pathlib
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.pop(0)  # this folder, where another script is called transformers.py
import gguf
import numpy
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

VOCABULARY, POSITIONS = 96, 16


def language(kind, config):
    return kind, config, torch.randint(0, VOCABULARY, (2, 11), dtype=torch.int32)


def pictures(kind, config, size):
    return kind, config, torch.randn(2, size, size, 3)


def llama_like(config, **more):
    return config(vocab_size=VOCABULARY, hidden_size=32, intermediate_size=64,
                  num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
                  max_position_embeddings=POSITIONS, rms_norm_eps=1e-5, **more)


def models():
    rotary = {"rope_type": "default", "rope_theta": 500.0}
    yield "gpt2", language(hf.GPT2LMHeadModel, hf.GPT2Config(
        vocab_size=VOCABULARY, n_positions=POSITIONS, n_embd=32, n_layer=2, n_head=4))
    yield "llama", language(hf.LlamaForCausalLM, llama_like(
        hf.LlamaConfig, rope_parameters=rotary))
    yield "qwen2", language(hf.Qwen2ForCausalLM, llama_like(
        hf.Qwen2Config, tie_word_embeddings=True))
    yield "mistral", language(hf.MistralForCausalLM, llama_like(
        hf.MistralConfig, sliding_window=None))
    yield "vit", pictures(hf.ViTForImageClassification, hf.ViTConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
        image_size=24, patch_size=8, num_labels=7), 24)
    yield "resnet", pictures(hf.ResNetForImageClassification, hf.ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 8, 16, 32], depths=[2, 2, 2, 2], layer_type="basic",
        num_labels=7), 32)
    yield "resnet50", pictures(hf.ResNetForImageClassification, hf.ResNetConfig(
        embedding_size=2, hidden_sizes=[8, 16, 32, 64], depths=[3, 4, 6, 3], num_labels=7), 32)


def randomise(model):
    """Also what starts as zeros or ones, so that nothing can be left out unnoticed."""
    for name, value in model.state_dict().items():
        if not value.is_floating_point():
            continue
        noise = torch.randn_like(value)
        if name.endswith("running_var"):
            value.copy_(0.5 + torch.rand_like(value))
        elif value.dim() == 1:
            near_one = ("norm" in name or "ln_" in name) and name.endswith("weight")
            value.copy_(near_one + 0.2 * noise)
        else:
            value.copy_(noise / value[0].numel() ** 0.5)


def logits_of(model, x):
    model = model.double().eval()
    with torch.no_grad():
        return model(x.permute(0, 3, 1, 2).double() if x.dim() == 4 else x.long()).logits


def write_model(folder, kind, config, x):
    model = kind(config)
    randomise(model)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    expected = {"x": x.contiguous(), "logits": logits_of(model, x).float().contiguous()}
    save_file(expected, folder / "expected.safetensors")


def write_shards(root):
    """The Llama model in bf16, in two files with an index."""
    folder = root / "shards"
    folder.mkdir(exist_ok=True)
    config = json.loads((root / "llama" / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tensors = {k: v.bfloat16() for k, v in load_file(root / "llama/model.safetensors").items()}
    halves, index = [{}, {}], {}
    for i, (name, value) in enumerate(sorted(tensors.items())):
        halves[i % 2][name] = value
        index[name] = f"model-{i % 2 + 1:05d}-of-00002.safetensors"
    for i, half in enumerate(halves):
        save_file(half, folder / f"model-{i + 1:05d}-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 0}, "weight_map": index}, indent=2) + "\n")
    write_expected(root, folder / "expected.safetensors", tensors)


def write_expected(root, path, tensors):
    """Logits of the Llama model with other values."""
    model = hf.LlamaForCausalLM(hf.LlamaConfig.from_pretrained(root / "llama")).double()
    model.load_state_dict({k: v.double() for k, v in tensors.items()})
    x = load_file(root / "llama/expected.safetensors")["x"]
    save_file({"x": x, "logits": logits_of(model, x).float().contiguous()}, path)


GGUF_NAMES = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q",
              "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
              "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm",
              "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}


def gguf_name(name):
    if name.startswith("model.layers."):
        layer, part = name[len("model.layers."):-len(".weight")].split(".", 1)
        return f"blk.{layer}.{GGUF_NAMES[part]}.weight"
    return {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight":
            "output_norm.weight", "lm_head.weight": "output.weight"}[name]


def turned(name, value, config):
    """The order of rows that llama.cpp's rotation of neighbours needs."""
    heads = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}
    for part, key in heads.items():
        if part in name:
            split = value.reshape(config[key], 2, -1, value.shape[1])
            return split.swapaxes(1, 2).reshape(value.shape)
    return value


def restored(name, value, config):
    heads = {"q_proj": "num_attention_heads", "k_proj": "num_key_value_heads"}
    for part, key in heads.items():
        if part in name:
            split = value.reshape(config[key], -1, 2, value.shape[1])
            return split.swapaxes(1, 2).reshape(value.shape)
    return value


def write_gguf(root, path, quantisation):
    config = json.loads((root / "llama" / "config.json").read_text())
    w = gguf.GGUFWriter(path, "llama")
    w.add_block_count(config["num_hidden_layers"])
    w.add_context_length(config["max_position_embeddings"])
    w.add_embedding_length(config["hidden_size"])
    w.add_feed_forward_length(config["intermediate_size"])
    w.add_head_count(config["num_attention_heads"])
    w.add_head_count_kv(config["num_key_value_heads"])
    w.add_layer_norm_rms_eps(config["rms_norm_eps"])
    w.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    w.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    w.add_tokenizer_model("llama")
    w.add_token_list([f"token{i}".encode() for i in range(VOCABULARY)])
    w.add_token_scores([-0.5 * i for i in range(VOCABULARY)])
    w.add_token_types([1] * VOCABULARY)
    values = {}
    for name, tensor in load_file(root / "llama/model.safetensors").items():
        value = turned(name, tensor.numpy(), config)
        kind = quantisation if value.ndim > 1 else gguf.GGMLQuantizationType.F32
        stored = gguf.quants.quantize(numpy.ascontiguousarray(value), kind)
        w.add_tensor(gguf_name(name), stored, raw_dtype=kind)
        read = gguf.quants.dequantize(stored, kind)
        values[name] = torch.tensor(restored(name, read, config).copy())
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    write_expected(root, path.with_suffix(".safetensors"), values)


# Where a block of a type has its half-precision scales.
SCALES = {"F32": None, "F16": None, "BF16": None, "Q8_0": [0], "Q4_0": [0], "Q5_0": [0],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
          "Q4_1": [0, 2], "Q5_1": [0, 2], "Q2_K": [80, 82], "Q3_K": [108]}


def write_blocks(root):
    """Random bytes as blocks, with scales that are numbers."""
    random = numpy.random.default_rng(7)
    w = gguf.GGUFWriter(root / "blocks.gguf", "blocks")
    values = {}
    for name, scales in SCALES.items():
        kind = gguf.GGMLQuantizationType[name]
        block, size = gguf.GGML_QUANT_SIZES[kind]
        if scales is None:
            stored = gguf.quants.quantize(random.normal(size=(2, 32)).astype("f4"), kind)
        else:
            stored = random.integers(0, 256, (2, 2, size), dtype=numpy.uint8)
            for at in scales:
                half = random.normal(size=(2, 2, 1)).astype("f2")
                stored[:, :, at:at + 2] = half.view(numpy.uint8)
            stored = stored.reshape(2, 2 * size)
        w.add_tensor(name.lower(), stored, raw_dtype=kind)
        values[name.lower()] = torch.tensor(gguf.quants.dequantize(stored, kind))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    save_file(values, root / "blocks.safetensors")


def main():
    root = pathlib.Path(sys.argv[1])
    torch.manual_seed(1)
    for name, model in models():
        (root / name).mkdir(parents=True, exist_ok=True)
        write_model(root / name, *model)
    write_shards(root)
    write_gguf(root, root / "llama_f32.gguf", gguf.GGMLQuantizationType.F32)
    write_gguf(root, root / "llama_q8_0.gguf", gguf.GGMLQuantizationType.Q8_0)
    write_blocks(root)


if __name__ == "__main__":
    main()
