#!/usr/bin/python3
"""Replies of the policy by the stapes engine, as reinforcement learning samples them, against PyTorch with a KV cache.

    bench/train/rollout_peer.py build/bin/train_bench models/tiny --digits FOLDER_OF_SPOKEN_DIGITS

sft_peer.py says what to install and build. The same 32 prompts, 16 samples of each, temperature 1, no gradient, one thread.
The peer hears each clip and reads each prompt once, copies its keys and values to the samples, and decodes all of them
as one batch in caches that are allocated once. It runs in two ways: until the last reply is done, as is usual, and leaving
out those that are done whenever they are a quarter of the batch. Greedy replies have to be ours.
"""
import argparse
import pathlib
import tempfile

import worker  # first: it sets the environment that torch reads
import torch

from model import Model, attend, load_batch, rms_norm


class Sampler:
    def __init__(self, folder, settings, onednn, compacts):
        self.model = Model(folder / "model")
        self.batch = load_batch(folder / "prompts")
        self.lengths = (self.batch["segments"] == 0).sum(1)
        self.known_ids, self.most = settings["known_ids"], settings["max_tokens"]
        self.eos = torch.tensor(settings["eos"])
        self.onednn, self.compacts = onednn, compacts

    def final(self, x):
        return self.model.logits(rms_norm(x, self.model.weights["model.norm.weight"], self.model.eps))

    def prefill(self, samples):
        """Keys and values of all layers with room for the replies, [samples of B, G, rows, W]; logits of the last rows."""
        model = self.model
        x = model.embed(self.batch)
        prompts, rows = x.shape[:2]
        cosine, sine = model.rotation(self.batch["positions"])
        bias = torch.full((rows, rows), -1e9).triu(1)
        shape = (prompts * samples, model.kv_heads, rows + self.most, model.head_width)
        self.keys = [torch.empty(shape) for _ in range(model.layers)]
        self.values = [torch.empty(shape) for _ in range(model.layers)]

        def attention(layer, q, k, v):
            self.keys[layer][:, :, :rows] = k.repeat_interleave(samples, 0)
            self.values[layer][:, :, :rows] = v.repeat_interleave(samples, 0)
            return attend(q, model.shared(k), model.shared(v), bias)

        for layer in range(model.layers):
            x = model.decoder_layer(layer, x, cosine, sine, attention)
        last = self.final(x[torch.arange(prompts), self.lengths - 1])
        # Row j of a cache is seen where j is in the prompt or is one of the reply's.
        hidden = (torch.arange(rows) >= self.lengths[:, None]).repeat_interleave(samples, 0)
        self.bias = torch.zeros(prompts * samples, 1, rows + self.most)
        self.bias[:, :, :rows].masked_fill_(hidden[:, None], -1e9)
        return rows, last.repeat_interleave(samples, 0)

    def step(self, ids, positions, row):
        """One token of each sequence, written at `row` of the caches -> logits [N, V]"""
        model = self.model
        group = model.heads // model.kv_heads
        x = torch.nn.functional.embedding(ids, model.weights["model.embed_tokens.weight"])[:, None]
        cosine, sine = model.rotation(positions[:, None])

        def attention(layer, q, k, v):
            self.keys[layer][:, :, row] = k[:, :, 0]
            self.values[layer][:, :, row] = v[:, :, 0]
            # The query heads of a group as rows of one product: no copy of keys and values.
            q = q.view(len(ids), model.kv_heads, group, model.head_width)
            keys, values = self.keys[layer][:, :, :row + 1], self.values[layer][:, :, :row + 1]
            scores = torch.matmul(q, keys.transpose(-1, -2)) * model.head_width ** -0.5
            scores = scores + self.bias[:, :, None, :row + 1]
            return torch.matmul(scores.softmax(-1), values).view(len(ids), 1, -1)

        for layer in range(model.layers):
            x = model.decoder_layer(layer, x, cosine, sine, attention)
        return self.final(x[:, 0])

    def choose(self, logits, temperature):
        known = logits[:, : self.known_ids]
        if temperature == 0:
            return known.argmax(1)
        return torch.multinomial((known / temperature).softmax(-1), 1)[:, 0]

    @torch.no_grad()
    def generate(self, samples, temperature):
        with torch.backends.mkldnn.flags(enabled=self.onednn):
            first_row, logits = self.prefill(samples)
            positions = self.lengths.repeat_interleave(samples)
            count = len(positions)
            places = torch.arange(count)  # of the sequences that are in the batch
            done = torch.zeros(count, dtype=torch.bool)
            written = torch.full((count, self.most), -1)
            for i in range(self.most):
                ids = self.choose(logits, temperature)
                written[places[~done], i] = ids[~done]
                done |= torch.isin(ids, self.eos)
                if done.all() or i + 1 == self.most:
                    break
                if self.compacts and done.sum() * 4 >= len(done):
                    kept = (~done).nonzero()[:, 0]
                    self.keys = [keys[kept] for keys in self.keys]
                    self.values = [values[kept] for values in self.values]
                    self.bias, places, done = self.bias[kept], places[kept], done[kept]
                    ids, positions = ids[kept], positions[kept]
                logits = self.step(ids, positions, first_row + i)
                positions = positions + 1
            return {"ids": [[id for id in row if id >= 0] for row in written.tolist()] if temperature == 0 else [],
                    "tokens": int((written >= 0).sum())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train_bench")
    parser.add_argument("model", help="a model folder")
    parser.add_argument("--digits", help="folder of spoken digits; none: clips are melodies only")
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--max-tokens", type=int, default=160)
    parser.add_argument("--rounds", type=int, default=5, help="counted; one before them is not (5)")
    parser.add_argument("--seed", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        stapes = worker.Worker(options.train_bench, "rollouts", options.model, folder,
                               *(["--digits", options.digits] if options.digits else []), "--prompts", options.prompts,
                               "--samples", options.samples, "--max-tokens", options.max_tokens, "--seed", options.seed)
        settings = stapes.ready
        peers = {f"oneDNN {'on' if onednn else 'off'}{', done ones leave' if compacts else ''}":
                 Sampler(folder, settings, onednn, compacts)
                 for onednn in (True, False) for compacts in (False, True)}
        compare(options, settings, stapes, peers)


def compare(options, settings, stapes, peers):
    greedy = stapes.round("0")["ids"]
    same = {name: sum(a == b for a, b in zip(greedy, peer.generate(1, 0)["ids"])) for name, peer in peers.items()}
    rounds = {name: [] for name in ("stapes", *peers)}
    for _ in range(options.rounds + 1):
        rounds["stapes"].append(stapes.round("1"))
        for name, peer in peers.items():
            rounds[name].append(worker.timed(lambda peer=peer: peer.generate(options.samples, 1)))
    stapes.end()
    counted = {name: of_side[1:] for name, of_side in rounds.items()}
    for of_side in counted.values():
        for one in of_side:
            one["rate"], one["wall_rate"] = one["tokens"] / one["cpu_s"], one["tokens"] / one["wall_s"]
    print(f"{options.model}: {settings['parameters']:,} parameters; {options.prompts} prompts of "
          f"{settings['prompt_tokens']:,} tokens in all, {options.samples} samples each, at most "
          f"{options.max_tokens} tokens; OPENBLAS_CORETYPE={worker.BLAS}, one thread; medians of {options.rounds} rounds")
    print(f"{'':28}{'tokens/s (cpu)':>16}{'(wall)':>10}{'tokens':>10}   our rate to theirs (cpu)   greedy replies as ours")
    for name in ("stapes", *peers):
        of_side = counted[name]
        line = (f"{name:28}{worker.median(of_side, 'rate'):16,.0f}{worker.median(of_side, 'wall_rate'):10,.0f}"
                f"{worker.median(of_side, 'tokens'):10,.0f}")
        if name != "stapes":
            ratios = [mine["rate"] / theirs["rate"] for mine, theirs in zip(counted["stapes"], of_side)]
            line += f"   {worker.spread(ratios):25}  {same[name]} of {len(greedy)}"
        print(line)


if __name__ == "__main__":
    main()
