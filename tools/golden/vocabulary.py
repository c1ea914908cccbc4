#!/usr/bin/env python3
"""Golden ids of vocabularies: small ones, trained by the packages whose files Cairn reads.

    python3 -m venv venv && venv/bin/pip install tokenizers sentencepiece gguf
    venv/bin/python tools/golden/vocabulary.py tests/text/golden

Writes, for each of the patterns of GPT-2, Llama 3 and Qwen 2, NAME.json (tokenizers); spm-*.model
(sentencepiece: lossless unigram and bpe, and bpe as Llama's); spm-llama.gguf, llama3.gguf (gguf);
and ids.json: for each file the texts and what the package makes of them.
"""
import glob
import io
import json
import os
import sys

import gguf
import sentencepiece
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

out = sys.argv[1]
here = os.path.dirname(os.path.abspath(__file__))
corpus = [open(p, encoding="utf-8").read() for p in sorted(glob.glob(f"{here}/../../docs/*.md"))]
corpus.append("Größe ünïcode Δx ≤ ∑ наука 数学 の 2 + 2 = 4, 1234567 \\frac{1}{2} \\alpha\n" * 20)

TEXTS = [
    "", " ", "  ", "a", " a", "hello world", "Hello  World", " leading and trailing  ",
    "The step doesn't move; they'LL say I'm, we've, you'd, IT'S.", "it'\u017f 'S 'rE '",
    "1234567 12 3.14159e-10", "x=2+2\n\n\n  y\t\tz\r\nend \n", "tab\tword \u3000wide\u00a0hard",
    "\\frac{1}{2}+\\sum_{i=0}^{n} x_i^2 $a<b$", "Größe ÜBER naïve Ångström", "наука и жизнь 数学です。",
    "emoji 🙂👩‍🚀 café ½ Ⅷ ٣٤٥", "\x00\x01\x7f", "def f(x):\n    return x**2\n", "   \n   \n x",
    "!!!???...\n\nnext", "word\n word\n\nword", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "\n", "a\u0301e",
    "<|endoftext|> in a text", "under_score-dash/slash", "٣x٣", "  12  ab", "\u2028line\u0085next",
]
ENGLISH = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
OTHERS = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
golden = {}


def byte_level(name, pattern, size, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    if pattern is None:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(corpus, trainers.BpeTrainer(
        vocab_size=size, show_progress=False, special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    data = json.loads(tokenizer.to_str())
    json.dump(data, open(f"{out}/{name}.json", "w", encoding="utf-8"), ensure_ascii=False)
    tokenizer = Tokenizer.from_file(f"{out}/{name}.json")
    golden[f"{name}.json"] = [[t, tokenizer.encode(t).ids] for t in TEXTS]
    return data


def sentencepieces(name, kind, size, **settings):
    model = io.BytesIO()
    sentences = [line for text in corpus for line in text.splitlines(keepends=True)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=model, model_type=kind, vocab_size=size,
        byte_fallback=True, split_digits=True, num_threads=1, minloglevel=2,
        normalization_rule_name="identity", remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True, character_coverage=0.995,
        hard_vocab_limit=False, **settings)
    open(f"{out}/{name}.model", "wb").write(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    golden[f"{name}.model"] = [[t, processor.encode(t)] for t in TEXTS if "\x00" not in t]
    return processor


def write_gguf(name, model, tokens, scores, types, merges=None, pre=None):
    writer = gguf.GGUFWriter(f"{out}/{name}.gguf", "llama")
    writer.add_tokenizer_model(model)
    writer.add_token_list(tokens)
    if scores:
        writer.add_token_scores(scores)
    writer.add_token_types(types)
    if merges:
        writer.add_token_merges(merges)
    if pre:
        writer.add_tokenizer_pre(pre)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2 if model == "llama" else 0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


byte_level("gpt2", None, 700)
llama3 = byte_level("llama3", ENGLISH + r"\p{N}{1,3}" + OTHERS, 700, ignore_merges=True)
byte_level("qwen2", ENGLISH + r"\p{N}" + OTHERS, 700)
lossless = {"add_dummy_prefix": False, "user_defined_symbols": ["\\frac"]}
sentencepieces("spm-unigram", "unigram", 600, **lossless)
sentencepieces("spm-bpe", "bpe", 700, **lossless)
llama = sentencepieces("spm-llama", "bpe", 600, add_dummy_prefix=True)

ids = range(llama.get_piece_size())
kinds = [6 if llama.is_byte(i) else 3 if llama.is_control(i) else 2 if llama.is_unknown(i) else 1
         for i in ids]
write_gguf("spm-llama", "llama", [llama.id_to_piece(i) for i in ids],
           [llama.get_score(i) for i in ids], kinds)
golden["spm-llama.gguf"] = golden["spm-llama.model"]
vocabulary = sorted(llama3["model"]["vocab"].items(), key=lambda item: item[1])
write_gguf("llama3", "gpt2", [t for t, _ in vocabulary], None,
           [3 if t == "<|endoftext|>" else 1 for t, _ in vocabulary],
           [" ".join(m) for m in llama3["model"]["merges"]], "llama-bpe")
golden["llama3.gguf"] = golden["llama3.json"]
json.dump(golden, open(f"{out}/ids.json", "w", encoding="utf-8"), separators=(",", ":"))
