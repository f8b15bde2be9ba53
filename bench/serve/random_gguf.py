#!/usr/bin/env python3
"""random_gguf.py GGUF_PY OUT.gguf: Qwen2.5-1.5B's shape, untied, random F16 weights, for llama.cpp and its kin.
GGUF_PY is the folder gguf-py of a checkout of theirs, whose llama-quantize makes Q4_0 of the file. What `stapes bench --shape
qwen2.5-1.5b --save` writes is the same shape with our order of rows. A character of a prompt is a token."""
import sys

import numpy as np

if len(sys.argv) != 3:
    sys.exit(__doc__)
sys.path.insert(0, sys.argv[1])
import gguf  # noqa: E402

LAYERS, WIDTH, FEED_FORWARD, HEADS, KV_HEADS, VOCABULARY = 28, 1536, 8960, 12, 2, 151936
KV_WIDTH = WIDTH // HEADS * KV_HEADS

writer = gguf.GGUFWriter(sys.argv[2], "qwen2")
writer.add_block_count(LAYERS)
writer.add_context_length(32768)
writer.add_embedding_length(WIDTH)
writer.add_feed_forward_length(FEED_FORWARD)
writer.add_head_count(HEADS)
writer.add_head_count_kv(KV_HEADS)
writer.add_rope_freq_base(1e6)
writer.add_layer_norm_rms_eps(1e-6)
writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)

# ASCII by GPT-2's way to write bytes as characters; of other bytes llama-server makes replies that are no UTF-8.
tokens = [chr(256 + byte) for byte in range(33)] + [chr(byte) for byte in range(33, 127)]
tokens += [chr(289)]  # of byte 127
tokens += [f"<filler{i}>" for i in range(VOCABULARY - len(tokens) - 1)] + ["<|endoftext|>"]
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("qwen2")
writer.add_token_list(tokens)
writer.add_token_types([1] * (VOCABULARY - 1) + [3])
writer.add_token_merges([f"{tokens[0]} {tokens[1]}"])  # none is not allowed
writer.add_eos_token_id(VOCABULARY - 1)
writer.add_bos_token_id(VOCABULARY - 1)

generator = np.random.default_rng(1)


def matrix(name, rows, columns):
    values = generator.random((rows, columns), dtype=np.float32)
    writer.add_tensor(name, ((values - 0.5) * (3.5 / np.sqrt(columns))).astype(np.float16))


def vector(name, size, value):
    writer.add_tensor(name, np.full(size, value, dtype=np.float32))


matrix("token_embd.weight", VOCABULARY, WIDTH)
for layer in range(LAYERS):
    block = f"blk.{layer}."
    vector(block + "attn_norm.weight", WIDTH, 1)
    vector(block + "ffn_norm.weight", WIDTH, 1)
    for part, rows in (("q", WIDTH), ("k", KV_WIDTH), ("v", KV_WIDTH)):
        matrix(f"{block}attn_{part}.weight", rows, WIDTH)
        vector(f"{block}attn_{part}.bias", rows, 0)
    matrix(block + "attn_output.weight", WIDTH, WIDTH)
    matrix(block + "ffn_gate.weight", FEED_FORWARD, WIDTH)
    matrix(block + "ffn_up.weight", FEED_FORWARD, WIDTH)
    matrix(block + "ffn_down.weight", WIDTH, FEED_FORWARD)
vector("output_norm.weight", WIDTH, 1)
matrix("output.weight", VOCABULARY, WIDTH)

writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
