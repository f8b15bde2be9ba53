"""The model in PyTorch, as one writes it there: padded batches, conv1d, linear, softmax attention.

Reads config.json and model.safetensors of a model folder (f32) and needs nothing of Stapes. Letters: B examples,
C clips, S mel frames, T rows, H heads, W width of a head.
"""
import json
import struct

import numpy
import torch
import torch.nn.functional as F


def load_weights(path):
    """Parameters by name, in the file's order."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    weights = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise SystemExit(f"{path}: {name} is {entry['dtype']}, expected F32")
        begin, end = entry["data_offsets"]
        values = torch.frombuffer(data, dtype=torch.float32, count=(end - begin) // 4, offset=begin)
        weights[name] = values.reshape(entry["shape"]).clone()
    return weights


def load_batch(folder):
    names = ("ids", "positions", "labels", "mels", "mel_lengths", "segments", "audio_rows", "audio_sources")
    return {name: torch.from_numpy(numpy.load(folder / f"{name}.npy")) for name in names}


def rms_norm(x, weight, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * weight


def rotate_half(x):
    first, second = x.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def rotate(x, cosine, sine):
    return x * cosine + rotate_half(x) * sine


def heads_of(x, heads):
    """[B, T, heads * W] -> [B, heads, T, W]"""
    return x.view(x.size(0), x.size(1), heads, -1).transpose(1, 2)


def attend(q, k, v, bias):
    """q [B, H, T, W]; k, v [B, H, K, W]; bias is added to the scores -> [B, T, H * W]"""
    scores = torch.matmul(q, k.transpose(-1, -2)) * q.size(-1) ** -0.5 + bias
    mixed = torch.matmul(scores.softmax(-1), v)
    return mixed.transpose(1, 2).reshape(q.size(0), q.size(2), -1)


class Model:
    def __init__(self, folder):
        config = json.loads((folder / "config.json").read_text())
        audio, text = config["audio_encoder_config"], config["text_config"]
        self.encoder_layers, self.encoder_heads = audio["n_audio_layer"], audio["n_audio_head"]
        self.layers, self.heads = text["num_hidden_layers"], text["num_attention_heads"]
        self.kv_heads = text["num_attention_groups"]
        self.head_width = text["hidden_size"] // self.heads
        self.eps, self.theta = text["rms_norm_eps"], text["rope_theta"]
        self.weights = load_weights(folder / "model.safetensors")

    def linear(self, name, x):
        return F.linear(x, self.weights[name + ".weight"], self.weights.get(name + ".bias"))

    def layer_norm(self, name, x):
        return F.layer_norm(x, x.shape[-1:], self.weights[name + ".weight"], self.weights[name + ".bias"])

    def conv(self, name, x, stride):
        return F.conv1d(x, self.weights[name + ".weight"], self.weights[name + ".bias"], stride, padding=1)

    def encode(self, mels, lengths):
        """mels [C, S, bands], lengths [C] -> [C, frames, encoder width], zero beyond a clip's own frames"""
        inside = torch.arange(mels.size(1)) < lengths[:, None]
        x = F.gelu(self.conv("encoder.conv1", mels.transpose(1, 2), 1)) * inside[:, None]
        x = F.gelu(self.conv("encoder.conv2", x, 2)).transpose(1, 2)
        x = x + self.weights["encoder.positional_embedding.weight"][: x.size(1)]
        positions = torch.div(lengths + 1, 2, rounding_mode="floor")
        # The released code counts a clip's keys from S - 2 frames: its last position is not attended to.
        hidden = torch.arange(x.size(1)) >= (positions - 1)[:, None]
        bias = torch.zeros(hidden.shape).masked_fill(hidden, -1e10)[:, None, None]
        for layer in range(self.encoder_layers):
            name = f"encoder.blocks.{layer}"
            y = self.layer_norm(name + ".attn_ln", x)
            q, k, v = (heads_of(self.linear(f"{name}.attn.{which}", y), self.encoder_heads)
                       for which in ("query", "key", "value"))
            x = x + self.linear(name + ".attn.out", attend(q, k, v, bias))
            y = self.layer_norm(name + ".mlp_ln", x)
            x = x + self.linear(name + ".mlp.2", F.gelu(self.linear(name + ".mlp.0", y)))
        x = F.avg_pool1d(x.transpose(1, 2), 2).transpose(1, 2)
        x = self.layer_norm("encoder.after_norm", x)
        frames = torch.div(positions, 2, rounding_mode="floor")
        return x * (torch.arange(x.size(1)) < frames[:, None])[:, :, None]

    def adapt(self, encoded):
        """[C, frames, encoder width] -> [C, ceil(frames / 2), decoder width]"""
        x = F.gelu(self.conv("adapter.conv", encoded.transpose(1, 2), 2)).transpose(1, 2)
        return self.linear("adapter.linear2", F.relu(self.linear("adapter.linear1", x)))

    def embed(self, batch):
        """ids with the sound's rows put in their places -> [B, T, width]"""
        x = F.embedding(batch["ids"], self.weights["model.embed_tokens.weight"])
        sound = self.adapt(self.encode(batch["mels"], batch["mel_lengths"])).flatten(0, 1)
        rows = x.flatten(0, 1).index_copy(0, batch["audio_rows"], sound[batch["audio_sources"]])
        return rows.view_as(x)

    def rotation(self, positions):
        """positions [B, T] -> cosine and sine [B, 1, T, W]"""
        inverse = self.theta ** -(torch.arange(0, self.head_width, 2) / self.head_width)
        half = positions[:, :, None] * inverse
        angle = torch.cat((half, half), -1)[:, None]
        return angle.cos(), angle.sin()

    def projections(self, layer, x, cosine, sine):
        """Rotated queries [B, H, T, W]; rotated keys and values of the kv heads [B, G, T, W]"""
        name = f"model.layers.{layer}.self_attn"
        q = rotate(heads_of(self.linear(name + ".q_proj", x), self.heads), cosine, sine)
        k = rotate(heads_of(self.linear(name + ".k_proj", x), self.kv_heads), cosine, sine)
        return q, k, heads_of(self.linear(name + ".v_proj", x), self.kv_heads)

    def decoder_layer(self, layer, x, cosine, sine, attention):
        """attention(layer, q, k, v) -> [B, T, H * W]"""
        name = f"model.layers.{layer}"
        y = rms_norm(x, self.weights[name + ".input_layernorm.weight"], self.eps)
        mixed = attention(layer, *self.projections(layer, y, cosine, sine))
        x = x + self.linear(name + ".self_attn.o_proj", mixed)
        y = rms_norm(x, self.weights[name + ".post_attention_layernorm.weight"], self.eps)
        gated = F.silu(self.linear(name + ".mlp.gate_proj", y)) * self.linear(name + ".mlp.up_proj", y)
        return x + self.linear(name + ".mlp.down_proj", gated)

    def shared(self, x):
        """Each key/value head serves a group of query heads: [B, G, K, W] -> [B, H, K, W]"""
        return x.repeat_interleave(self.heads // self.kv_heads, dim=1)

    def decode(self, batch):
        """-> hidden states after the last norm, [B, T, width]"""
        x = self.embed(batch)
        rows = x.size(1)
        cosine, sine = self.rotation(batch["positions"])
        # Padding stands at the end: no row that counts sees it.
        bias = torch.full((rows, rows), -1e9).triu(1)

        def attention(_, q, k, v):
            return attend(q, self.shared(k), self.shared(v), bias)

        for layer in range(self.layers):
            x = self.decoder_layer(layer, x, cosine, sine, attention)
        return rms_norm(x, self.weights["model.norm.weight"], self.eps)

    def logits(self, hidden):
        return self.linear("lm_head", hidden)
