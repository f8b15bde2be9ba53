#!/usr/bin/python3
"""Supervised steps of stapes-train against the same model in PyTorch, side by side on the same batches.

    apt-get install python3-torch python3-numpy
    cmake --preset release -DSTAPES_BENCH=ON && cmake --build --preset release --target train_bench
    bench/train/sft_peer.py build/bin/train_bench models/tiny --digits FOLDER_OF_SPOKEN_DIGITS
    bench/train/sft_peer.py build/bin/train_bench bench/train/shape-0.9m.json --digits FOLDER_OF_SPOKEN_DIGITS

A round is eight steps (forward, backward, clipped gradients, AdamW) on the eight batches of a group, by one thread. The
sides take turns; each peer starts from the same weights as train_bench, so its losses and gradient norms have to be ours.
"""
import argparse
import pathlib
import sys
import tempfile

import worker  # first: it sets the environment that torch reads
import torch
import torch.nn.functional as F

from model import Model, load_batch


class Peer:
    def __init__(self, folder, settings, onednn, foreach):
        self.onednn = onednn
        self.clip = settings["gradient_clip"]
        self.model = Model(folder / "model")
        self.batches = [load_batch(folder / f"batch-{i}") for i in range(len(settings["batches"]))]
        decayed, others = [], []
        for name, weight in self.model.weights.items():
            weight.requires_grad_()
            (decayed if weight.dim() >= 2 and "embed" not in name else others).append(weight)
        self.weights = decayed + others
        self.optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": settings["weight_decay"]}, {"params": others, "weight_decay": 0}],
            lr=settings["learning_rate"], betas=(settings["beta1"], settings["beta2"]), eps=1e-8, foreach=foreach)

    def step(self, batch):
        logits = self.model.logits(self.model.decode(batch))
        loss = F.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten(), ignore_index=-1)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.weights, self.clip)
        self.optimizer.step()
        return loss.item(), norm.item()

    def round(self):
        with torch.backends.mkldnn.flags(enabled=self.onednn):
            losses, norms = zip(*(self.step(batch) for batch in self.batches))
        return {"losses": losses, "norms": norms}


def largest_difference(ours, theirs, key):
    """Relative, over all steps of all rounds."""
    pairs = ((a, b) for mine, other in zip(ours, theirs) for a, b in zip(mine[key], other[key]))
    return max(abs(a - b) / abs(a) for a, b in pairs)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train_bench")
    parser.add_argument("model", help="a model folder, or a shape's JSON file (random weights)")
    parser.add_argument("--digits", help="folder of spoken digits; none: clips are melodies only")
    parser.add_argument("--clips", type=int, default=32, help="in a batch (32)")
    parser.add_argument("--questions", type=int, default=3, help="that share a clip in our second figure (3)")
    parser.add_argument("--rounds", type=int, default=5, help="counted; one before them is not (5)")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--peer-keeps-memory", action="store_true",
                        help="PyTorch, too, keeps freed memory from step to step, as stapes-train does")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peer_keeps_memory:
        worker.keep_freed_memory()
    digits = ["--digits", options.digits] if options.digits else []
    common = [*digits, "--clips", options.clips, "--seed", options.seed]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        stapes = worker.Worker(options.train_bench, "sft", options.model, folder / "one", *common)
        several = worker.Worker(options.train_bench, "sft", options.model, folder / "several", *common,
                                "--questions", options.questions)
        settings = stapes.ready
        peers = {f"oneDNN {'on' if onednn else 'off'}{', foreach' if foreach else ''}":
                 Peer(folder / "one", settings, onednn, foreach)
                 for onednn in (True, False) for foreach in (False, True)}
        compare(options, settings, stapes, several, peers)


def compare(options, settings, stapes, several, peers):
    rounds = {name: [] for name in ("stapes", "several", *peers)}
    for _ in range(options.rounds + 1):
        rounds["stapes"].append(stapes.round())
        for name, peer in peers.items():
            rounds[name].append(worker.timed(peer.round))
        rounds["several"].append(several.round())
    stapes.end()
    several.end()
    tokens = sum(batch["tokens"] for batch in settings["batches"])
    print(f"{options.model}: {settings['parameters']:,} parameters; {len(settings['batches'])} batches of "
          f"{options.clips} clips, {tokens:,} tokens; OPENBLAS_CORETYPE={worker.BLAS}, one thread; "
          f"medians of {options.rounds} rounds")
    counted = {name: of_side[1:] for name, of_side in rounds.items()}
    ours = worker.median(counted["stapes"], "cpu_s")
    print(f"{'':24}{'tokens/s (cpu)':>16}{'(wall)':>10}   ratio of cpu time to ours   largest difference of loss, of norm")
    for name in ("stapes", *peers):
        of_side = counted[name]
        line = f"{name:24}{tokens / worker.median(of_side, 'cpu_s'):16,.0f}{tokens / worker.median(of_side, 'wall_s'):10,.0f}"
        if name != "stapes":
            ratios = [theirs["cpu_s"] / mine["cpu_s"] for mine, theirs in zip(counted["stapes"], of_side)]
            line += f"   {worker.spread(ratios):25}"
            line += "   " + ", ".join(f"{largest_difference(rounds['stapes'], rounds[name], key):.1e}"
                                      for key in ("losses", "norms"))
        print(line)
    print("stapes: " + ", ".join(f"{part} {worker.median(counted['stapes'], part + '_s') / ours:.0%}"
                                 for part in ("forward", "backward", "update")))
    shared = worker.median(counted["several"], "cpu_s")
    print(f"{options.questions} questions that share a clip: {shared / ours:.2f} times the time for "
          f"{options.questions} times the questions ({options.questions * ours / shared:.2f} times as many a second)")


if __name__ == "__main__":
    sys.exit(main())
