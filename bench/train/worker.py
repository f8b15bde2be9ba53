"""Starts train_bench, and times both sides alike."""
import ctypes
import json
import os
import statistics
import subprocess
import time

# Debian's OpenBLAS takes newer processors for a Prescott and is five times slower then. Both sides get this.
BLAS = os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"


class Worker:
    """Our side, in a process of its own that sleeps between its rounds."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([program, *map(str, arguments)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.ready = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"train_bench ended with status {self.process.wait()}")
        return json.loads(line)

    def round(self, line=""):
        print(line, file=self.process.stdin, flush=True)
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def keep_freed_memory():
    """In this process, what src/train/memory/keep_freed_memory.cc does in ours (malloc.h: M_MMAP_MAX, M_TRIM_THRESHOLD)."""
    glibc = ctypes.CDLL(None)
    glibc.mallopt(-4, 0)
    glibc.mallopt(-1, 2**31 - 1)


def timed(action):
    """What `action` returns (a dict), with its wall time and this process's processor time in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = action()
    result["wall_s"], result["cpu_s"] = time.perf_counter() - wall, time.process_time() - cpu
    return result


def median(rounds, key):
    return statistics.median(round[key] for round in rounds)


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"
