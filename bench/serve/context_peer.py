#!/usr/bin/env python3
"""context_peer.py [--contexts N,N] [--tokens T] [--rounds R] STAPES MODEL PEER

How fast one sequence goes on after so many tokens: `STAPES bench MODEL`, and PEER, a command that starts a llama-server with {port} for
its port. They take turns; the peer idles while we are measured. The peer's rates are those of its own timings, without the prompt."""
import argparse
import http.client
import json
import random
import shlex
import statistics
import subprocess
import sys

from server_peer import count, free_port, wait_until_ready


def peer_rate(port, context, tokens, seed):
    ids = [random.Random(seed).randrange(1000, 100000) for _ in range(context)]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    body = {"prompt": ids, "n_predict": tokens, "ignore_eos": True, "cache_prompt": False, "temperature": 1}
    connection.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
    reply = connection.getresponse()
    text = reply.read()
    if reply.status != 200:
        raise RuntimeError(f"status {reply.status}: {text[:300]!r}")
    timings = json.loads(text)["timings"]
    if timings["predicted_n"] != tokens or timings["prompt_n"] < context:
        raise RuntimeError(f"asked for {tokens} tokens after {context}, got {timings}")
    return timings["predicted_per_second"]


def our_rates(program, model, contexts, tokens):
    command = [program, "bench", model, "--prefill", "0", "--audio", "0", "--batch", "1", "--decode", str(tokens), "--repeat", "1",
               "--context", ",".join(map(str, contexts)), "--json"]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(f"status {run.returncode}: {run.stderr.strip()[-300:]}")
    report = json.loads(run.stdout)
    return {result["context"]: result["tokens_per_s"] for result in report["results"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stapes")
    parser.add_argument("model")
    parser.add_argument("peer")
    parser.add_argument("--contexts", default="128,8192")
    parser.add_argument("--tokens", type=count, default=32)
    parser.add_argument("--rounds", type=count, default=3)
    options = parser.parse_args()
    contexts = [int(context) for context in options.contexts.split(",")]

    port = free_port()
    command = shlex.split(options.peer.replace("{port}", str(port)))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    rates = {context: {"ours": [], "peer": []} for context in contexts}
    try:
        wait_until_ready(port, process)
        peer_rate(port, 16, 8, -1)
        for number in range(options.rounds):
            ours = our_rates(options.stapes, options.model, contexts, options.tokens)
            for context in contexts:
                rates[context]["ours"].append(ours[context])
                rates[context]["peer"].append(peer_rate(port, context, options.tokens, number))
                print(f"round {number + 1}, after {context}: ours {ours[context]:.1f} tok/s, peer {rates[context]['peer'][-1]:.1f}",
                      flush=True)
    except (OSError, RuntimeError) as error:
        sys.exit(f"context_peer: {error}")
    finally:
        process.terminate()
        process.wait()
    for context in contexts:
        ours, peer = rates[context]["ours"], rates[context]["peer"]
        ratios = [a / b for a, b in zip(ours, peer)]
        print(f"after {context}: ours {statistics.median(ours):.1f}, peer {statistics.median(peer):.1f} tok/s, "
              f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    for name in ("ours", "peer"):
        kept = [last / first for first, last in zip(rates[contexts[0]][name], rates[contexts[-1]][name])]
        print(f"{name}: {statistics.median(kept):.0%} of the rate after {contexts[0]} is left after {contexts[-1]}")


if __name__ == "__main__":
    main()
