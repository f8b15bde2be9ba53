#!/usr/bin/env python3
"""server_peer.py [--streams N] [--tokens T] [--prompt P] [--rounds R] OURS PEER

OURS and PEER are commands that start a server of OpenAI's /v1/completions, with {port} for its port. The servers take turns, round
by round: one is started, asked once to warm it up, then by N clients at once for T tokens each after prompts of about P tokens that
nobody asked before; then it is stopped. Tokens a second are those of all clients over the time until the last is done."""
import argparse
import http.client
import json
import random
import shlex
import socket
import statistics
import subprocess
import sys
import threading
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def complete(port, prompt, tokens, seed):
    """The usage that the server reports for a completion of so many tokens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    body = {"prompt": prompt, "max_tokens": tokens, "temperature": 1, "seed": seed, "ignore_eos": True, "stream": False}
    connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
    reply = connection.getresponse()
    text = reply.read()
    if reply.status != 200:
        raise RuntimeError(f"status {reply.status}: {text[:300]!r}")
    return json.loads(text)["usage"]


def wait_until_ready(port, process):
    for _ in range(1200):
        if process.poll() is not None:
            sys.exit(f"server_peer: the server ended with status {process.returncode}")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit("server_peer: the server was not ready after two minutes")


def prompt_of(words, generator):
    return " ".join(str(generator.randrange(100)) for _ in range(words))


def words_for(port, prompt_tokens):
    """How many numbers make a prompt of so many tokens, by this server's tokenizer."""
    usage = complete(port, prompt_of(40, random.Random(0)), 1, 0)
    return max(1, round(40 * prompt_tokens / usage["prompt_tokens"]))


def one_round(command, options, number):
    port = free_port()
    process = subprocess.Popen(shlex.split(command.replace("{port}", str(port))), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(port, process)
        words = words_for(port, options.prompt)
        complete(port, prompt_of(words, random.Random(-1)), 8, 0)
        usages, errors = [None] * options.streams, []

        def client(index):
            seed = number * options.streams + index
            try:
                usages[index] = complete(port, prompt_of(words, random.Random(seed)), options.tokens, seed)
            except (OSError, RuntimeError) as error:
                errors.append(f"client {index}: {error!r}")

        clients = [threading.Thread(target=client, args=(i,)) for i in range(options.streams)]
        begin = time.monotonic()
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        seconds = time.monotonic() - begin
    finally:
        process.terminate()
        process.wait()
    if errors:
        sys.exit("server_peer: " + "; ".join(errors[:3]))
    written = sum(usage["completion_tokens"] for usage in usages)
    read = sum(usage["prompt_tokens"] for usage in usages)
    return {"rate": written / seconds, "seconds": seconds, "read": read, "written": written}


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("ours")
parser.add_argument("peer")
parser.add_argument("--streams", type=int, default=16)
parser.add_argument("--tokens", type=int, default=96)
parser.add_argument("--prompt", type=int, default=80)
parser.add_argument("--rounds", type=int, default=3)
options = parser.parse_args()

rounds = {"ours": [], "peer": []}
for number in range(options.rounds):
    for name, command in (("ours", options.ours), ("peer", options.peer)):
        result = one_round(command, options, number)
        rounds[name].append(result)
        print(f"round {number + 1} {name}: {result['rate']:.1f} tok/s ({result['read']} tokens read, {result['written']} written "
              f"in {result['seconds']:.1f} s)", flush=True)
ratios = [ours["rate"] / peer["rate"] for ours, peer in zip(rounds["ours"], rounds["peer"])]
for name, results in rounds.items():
    print(f"{name}: median {statistics.median(result['rate'] for result in results):.1f} tok/s")
print(f"ratio: median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
