#!/usr/bin/env python3
"""server_peer.py [--streams N] [--tokens T] [--prompt P] [--rounds R] OURS PEER

OURS and PEER are commands that start a server of OpenAI's /v1/completions, with {port} for its port. Both run all the time and are
asked in turns: once to warm them up, then round by round by N clients at once for T tokens each, after prompts of about P tokens
that nobody asked before. Tokens a second are those of all clients over the time until the last is done."""
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


def count(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return number


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


class Server:
    def __init__(self, name, command, options):
        self.name, self.options, self.rounds = name, options, []
        self.port = free_port()
        command = shlex.split(command.replace("{port}", str(self.port)))
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def warm_up(self):
        wait_until_ready(self.port, self.process)
        self.words = words_for(self.port, self.options.prompt)
        complete(self.port, prompt_of(self.words, random.Random(-1)), 8, 0)

    def run_round(self, number):
        usages, errors = [None] * self.options.streams, []

        def client(index):
            seed = number * self.options.streams + index
            try:
                usages[index] = complete(self.port, prompt_of(self.words, random.Random(seed)), self.options.tokens, seed)
            except (OSError, RuntimeError) as error:
                errors.append(f"client {index}: {error!r}")

        clients = [threading.Thread(target=client, args=(i,)) for i in range(self.options.streams)]
        begin = time.monotonic()
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        seconds = time.monotonic() - begin
        if errors:
            raise RuntimeError("; ".join(errors[:3]))
        written = sum(usage["completion_tokens"] for usage in usages)
        read = sum(usage["prompt_tokens"] for usage in usages)
        self.rounds.append(written / seconds)
        print(f"round {number + 1} {self.name}: {written / seconds:.1f} tok/s ({read} tokens read, {written} written in {seconds:.1f} s)",
              flush=True)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours")
    parser.add_argument("peer")
    parser.add_argument("--streams", type=count, default=16)
    parser.add_argument("--tokens", type=count, default=96)
    parser.add_argument("--prompt", type=count, default=80)
    parser.add_argument("--rounds", type=count, default=3)
    options = parser.parse_args()

    servers = []
    try:
        for name, command in (("ours", options.ours), ("peer", options.peer)):
            servers.append(Server(name, command, options))
        for server in servers:
            server.warm_up()
        for number in range(options.rounds):
            for server in servers:
                server.run_round(number)
    except (OSError, RuntimeError) as error:
        sys.exit(f"server_peer: {error}")
    finally:
        for server in servers:
            server.stop()
    ratios = [ours / peer for ours, peer in zip(servers[0].rounds, servers[1].rounds)]
    for server in servers:
        print(f"{server.name}: median {statistics.median(server.rounds):.1f} tok/s")
    print(f"ratio: median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
