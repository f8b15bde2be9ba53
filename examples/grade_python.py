#!/usr/bin/env python3
"""A reward plug-in for stapes-train rl: does the Python code of a reply pass the row's unit tests?

One JSON object a line comes in: id, answer (the code, in a ``` fence or not), row.tests (Python: a
text or a list of texts, asserts for example). One goes out for each: id, score (1: all passed, 0)
and reason. In a recipe:

    [[reward.plugins]]
    name = "unit-tests"
    command = ["python3", "examples/grade_python.py", "--time", "5"]
    decides = true

Each reply runs in a process of its own, in an empty folder, with limits on time, memory, files and
what it writes; whatever it started is killed with it. That is no sandbox: the code runs as the user
who trains, and can read what that user can read. Run the command in a container, or as another
user, where that is not enough. Nor can tests of this kind tell right code from code that was made
to fool them (an object that is equal to everything, say): look at completions.jsonl.
"""

import argparse
import ctypes
import json
import os
import re
import resource
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.DOTALL)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def code_of(answer):
    """The last fenced block; without one, all of the answer."""
    blocks = FENCE.findall(answer)
    return blocks[-1] if blocks else answer


def tests_of(row):
    tests = row.get("tests") if isinstance(row, dict) else None
    if isinstance(tests, list) and tests and all(isinstance(test, str) for test in tests):
        return "\n".join(tests)
    return tests if isinstance(tests, str) and tests.strip() else None


def limit(options):
    """In the child, before the code runs."""
    bytes_of_memory = options.memory_mb << 20
    cpu_s = max(1, int(options.time + 1))
    for kind, most in ((resource.RLIMIT_CPU, cpu_s), (resource.RLIMIT_AS, bytes_of_memory),
                       (resource.RLIMIT_FSIZE, 16 << 20), (resource.RLIMIT_NOFILE, 64),
                       (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(kind, (most, most))
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def children():
    """Of this process, those that lost their own parent among them."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def kill_all_children():
    """Again and again: while some are killed, others may be started."""
    until = time.monotonic() + 5
    while (left := children()) and time.monotonic() < until:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        time.sleep(0.002)


def supervise(code, tests, options):
    """Runs in a process of its own, which inherits all that the code leaves behind. -> a result"""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Whoever ends early, with status 0 too, has not said this word.
    word = secrets.token_hex(16)
    read_end, write_end = os.pipe()
    program = (f"{code}\n\n{tests}\n\nimport os as _os\n"
               f"_os.write({write_end}, b'{word}')\n")
    folder = tempfile.mkdtemp(prefix="grade-")
    try:
        child = subprocess.Popen(
            [sys.executable, "-I", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd=folder, env={"PATH": os.defpath, "HOME": folder},
            pass_fds=[write_end], preexec_fn=lambda: limit(options))
        os.close(write_end)
        until = time.monotonic() + options.time
        try:
            child.stdin.write(program.encode("utf-8", "replace"))
            child.stdin.close()
        except BrokenPipeError:
            pass
        try:
            child.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return {"score": 0, "reason": f"not done within {options.time:g} s"}
        said = b""
        if select.select([read_end], [], [], 0)[0]:
            said = os.read(read_end, 4096)
        if said == word.encode() and child.returncode == 0:
            return {"score": 1, "reason": "all tests passed"}
        return {"score": 0, "reason": f"a test failed, or the code ended (status {child.returncode})"}
    finally:
        kill_all_children()
        shutil.rmtree(folder, ignore_errors=True)


def grade(item, options):
    """In a thread: forks the supervisor and reads its result."""
    tests = tests_of(item.get("row"))
    if tests is None:
        return {"score": None, "reason": "the row has no column `tests`"}
    command = [sys.executable, os.path.abspath(__file__), "--supervise", "--time",
               str(options.time), "--memory-mb", str(options.memory_mb)]
    task = json.dumps({"code": code_of(str(item.get("answer", ""))), "tests": tests})
    try:
        done = subprocess.run(command, input=task.encode(), stdout=subprocess.PIPE,
                              timeout=options.time + 20)
        return json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return {"score": None, "reason": "the grader's own process was lost"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time", type=float, default=5, help="seconds for one reply")
    parser.add_argument("--memory-mb", type=int, default=512, help="address space of one reply")
    parser.add_argument("--parallel", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--supervise", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.supervise:
        task = json.load(sys.stdin)
        print(json.dumps(supervise(task["code"], task["tests"], options)))
        return
    items = [json.loads(line) for line in sys.stdin if line.strip()]
    with ThreadPoolExecutor(max_workers=max(1, options.parallel)) as pool:
        for item, result in zip(items, pool.map(lambda item: grade(item, options), items)):
            print(json.dumps({"id": item["id"], **result}), flush=True)


if __name__ == "__main__":
    main()
