#!/usr/bin/env python3
"""Tables and plots of the claims, from what run.sh left in runs/claims. Nothing beside Python 3 is needed.

    recipes/claims/report.py [--runs runs/claims] [--plots docs/claims]

Prints the tables as Markdown and writes the plots as SVG. Every figure is the mean over the seeds; an interval is the 95 %
interval of that mean by Student's t over the seeds (not over clips), and missing where there is one seed.
"""
import argparse
import csv
import json
import math
import pathlib
import re

from plot import line_plot

TASKS = ["sum", "largest", "count-notes", "count-rises", "conflict"]
HALVES = ["conflict/agree", "conflict/against"]
# What is compared: its name in tables, and its folder.
MAIN = [("cold start", "cold-start"), ("MGRD", "mgrd")]
CONTROLS = [("heard words count for prosody", "words"), ("right answers only", "control")]
STUDENT_T = [None, None, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306]  # 97.5 %, by number of seeds


def mean_and_half(values):
    """Mean, and half of its 95 % interval (None for one seed)."""
    n, mean = len(values), sum(values) / len(values)
    if n < 2:
        return mean, None
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1))
    return mean, STUDENT_T[min(n, len(STUDENT_T) - 1)] * deviation / math.sqrt(n)


def text(values, digits=1):
    if not values:
        return "-"
    mean, half = mean_and_half(values)
    return f"{mean:.{digits}f}" if half is None else f"{mean:.{digits}f} ± {half:.{digits}f}"


def table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


class Runs:
    def __init__(self, folder):
        self.seeds = sorted(path for path in folder.glob("seed*") if path.is_dir())

    def json(self, path):
        """The file of each seed that has it."""
        return [json.loads(f.read_text()) for f in (seed / path for seed in self.seeds) if f.is_file()]

    def csv(self, path):
        files = (seed / path for seed in self.seeds)
        return [[{k: float(v) for k, v in row.items()} for row in csv.DictReader(f.open())] for f in files if f.is_file()]


def mean_share(report, key):
    """Mean over the tasks, per cent."""
    return sum(100 * report["tasks"][task][key]["share"] for task in TASKS) / len(TASKS)


def budgets_of(score, task):
    """[(budget or None, per cent right)] of one scores.json; task "mean": over all tasks."""
    if task == "mean":
        each = [budgets_of(score, name) for name in TASKS]
        return [(column[0][0], sum(right for _, right in column) / len(column)) for column in zip(*each)]
    return [(b["budget"], 100 * b["right"]["share"]) for b in score["tasks"][task]["budgets"]]


def budget_tables(runs, plots):
    for title, stage in [("after the cold start", "cold-start"), ("after three rounds of MGRD", "mgrd")]:
        scores = runs.json(f"{stage}/scores.json")
        if not scores:
            continue
        names = ["no limit" if b is None else str(b) for b, _ in budgets_of(scores[0], "mean")]
        print(f"Right answers (%) over the budget of thinking, {title}:\n")
        rows = []
        for task in ["mean", *TASKS, *HALVES]:
            curves = [budgets_of(score, task) for score in scores]
            cells = [text([curve[i][1] for curve in curves]) for i in range(len(names))]
            change = [curve[-1][1] - curve[0][1] for curve in curves]
            rows.append([task, *cells, text(change)])
        table(["task", *names, "no limit less 0"], rows)
    series = {}
    for name, stage in MAIN + CONTROLS:
        scores = runs.json(f"{stage}/scores.json")
        if scores:
            series[name] = scores
    for task in ["mean", "conflict/against", "count-rises", "count-notes"]:
        lines = {}
        for name, scores in series.items():
            curves = [budgets_of(score, task) for score in scores]
            lines[name] = [(i, *mean_and_half([c[i][1] for c in curves])) for i in range(len(curves[0]))]
        if lines:
            ticks = ["∞" if b is None else str(b) for b, _ in budgets_of(next(iter(series.values()))[0], "mean")]
            title = "mean of five tasks" if task == "mean" else task
            line_plot(plots / f"budget-{task.replace('/', '-')}.svg", f"Right answers over thinking: {title}",
                      "tokens of thinking", "%", lines, x_ticks=list(enumerate(ticks)), y_range=(0, 100))


def thinking_table(runs):
    scores = runs.json("mgrd/scores.json")
    if not scores:
        return
    print("With and without thinking, after MGRD (%):\n")
    rows = []
    for task in [*TASKS, *HALVES]:
        with_, without = ([100 * s["tasks"][task][key]["share"] for s in scores]
                          for key in ("with_thinking", "without_thinking"))
        rows.append([task, text(with_), text(without), text([a - b for a, b in zip(with_, without)])])
    table(["task", "with thinking", "without", "difference"], rows)


def grounding_table(runs):
    print("Are the thoughts about the sound? Mean of the tasks (%):\n")
    columns = [("the clip", "clip"), ("silence", "silence"), ("another clip: follows", "other_clip_follows"),
               ("lean on text", "surrogates"), ("claims true", "claims_true"), ("claims false", "claims_false"),
               ("coherent", "coherent")]
    rows = []
    for name, stage in MAIN:
        reports = runs.json(f"{stage}/grounding.json")
        if reports:
            rows.append([name, *(text([mean_share(r, key) for r in reports]) for _, key in columns)])
    table(["after", *(title for title, _ in columns)], rows)


PROPERTY = re.compile(r"dB|louder|softer|loudness", re.IGNORECASE)  # what a conflict is to be decided by


def naming_loudness(path):
    """Per cent of the thoughts about conflicts that name the loudness."""
    rows = [json.loads(line) for line in path.open()]
    thoughts = [r["thinking"] for r in rows if r["task"] == "conflict" and r["condition"] == "clip"]
    return 100 * sum(bool(PROPERTY.search(thought)) for thought in thoughts) / len(thoughts)


def thoughts_table(runs):
    print("The thoughts of each task after MGRD (%; tampering: of those thoughts in which there is something to change):\n")
    columns = [("right", "clip"), ("lean on text", "surrogates"), ("claims true", "claims_true"), ("coherent", "coherent"),
               ("answer follows a tampered thought", "tampered_follows"), ("stays with the clip", "tampered_stays")]
    reports = runs.json("mgrd/grounding.json")
    shares = lambda task, key: [100 * r["tasks"][task][key]["share"] for r in reports if r["tasks"][task][key]["total"] > 0]
    possible = lambda task: [100 * r["tasks"][task]["tampered_follows"]["total"] / r["examples_per_task"] for r in reports]
    table(["task", *(title for title, _ in columns), "thoughts to change something in"],
          [[task, *(text(shares(task, key)) for _, key in columns), text(possible(task))] for task in TASKS])


def arms_table(runs):
    """What each part of the filter does: MGRD beside the arms whose filter asks for less."""
    print("The filter's parts (%): means of the tasks, and of the conflicts the thoughts that name the loudness\n")
    rows = []
    for name, arm in MAIN + CONTROLS:
        scores, reports = runs.json(f"{arm}/scores.json"), runs.json(f"{arm}/grounding.json")
        if not scores or not reports:
            continue
        curves = [budgets_of(score, "mean") for score in scores]
        files = [file for file in (seed / arm / "thoughts.jsonl" for seed in runs.seeds) if file.is_file()]
        rows.append([name, str(len(scores)), text([c[0][1] for c in curves]), text([c[-1][1] for c in curves]),
                     text([c[-1][1] - c[0][1] for c in curves]),
                     text([mean_share(r, "surrogates") for r in reports]),
                     text([mean_share(r, "claims_false") for r in reports]),
                     text([naming_loudness(file) for file in files])])
    table(["filter", "seeds", "right at once", "after a whole thought", "difference", "lean on text", "claims false",
           "conflicts: name the loudness"], rows)


def hearing_table(runs):
    print("Sampled replies that deny to hear (%), 1,000 held-out questions, and right answers with thinking (%):\n")
    rows = []
    for name, stage in [*MAIN, ("DPO", "dpo")]:
        errors = [100 * r["self_cognition_errors"]["share"] for r in runs.json(f"{stage}/hears.json")]
        right = [mean_share(s, "with_thinking") for s in runs.json(f"{stage}/scores.json")]
        rows.append([name, text(errors, 2), text(right)])
    table(["after", "denies to hear", "mean of five tasks"], rows)


def last_rows(log, column, count=1):
    return sum(row[column] for row in log[-count:]) / count


def curve(logs, column, scale=1):
    length = min(len(log) for log in logs)
    return [(logs[0][i]["step"], *mean_and_half([scale * log[i][column] for log in logs])) for i in range(length)]


def format_table(runs, plots):
    arms = [("with (0.2)", "reasoning-0.2"), ("without", "reasoning-0.0")]
    logs = {name: runs.csv(f"format/{arm}/metrics.csv") for name, arm in arms}
    tests = {name: runs.csv(f"format/{arm}/test.csv") for name, arm in arms}
    if not all(logs.values()):
        return
    print("Format reward: sampled replies of the last five iterations, and held-out questions at the end:\n")
    rows = []
    for name in logs:
        rows.append([name, *(text([scale * log[0][column] for log in logs[name]]) + " → " +
                             text([scale * last_rows(log, column, 5) for log in logs[name]])
                             for column, scale in [("accuracy", 100), ("reasoning", 100), ("length_mean", 1)]),
                     text([100 * last_rows(log, "sampled/accuracy") for log in tests[name]]),
                     text([100 * last_rows(log, "accuracy") for log in tests[name]])])
    table(["format reward", "right, %", "reasoning present, %", "length, tokens", "held out, sampled, %",
           "held out, greedy, %"], rows)
    line_plot(plots / "format-length.svg", "Length of a reply during reinforcement", "iteration", "tokens",
              {name: curve(log, "length_mean") for name, log in logs.items()})
    line_plot(plots / "format-accuracy.svg", "Right answers during reinforcement", "iteration", "%",
              {name: curve(log, "accuracy", 100) for name, log in logs.items()}, y_range=(0, 100))


def selection_table(runs, plots):
    arms = [("3 to 6 of 8", "medium"), ("0 of 8", "failed"), ("all", "all")]
    tests = {name: runs.csv(f"selection/{arm}/test.csv") for name, arm in arms}
    if not all(tests.values()):
        return
    print("Which questions to train on: held-out questions, before and after (%):\n")
    rows = []
    before = runs.json("cold-start/scores.json")
    mean = lambda score: mean_share(score, "with_thinking")
    for name, arm in arms:
        scores = runs.json(f"selection/{arm}/scores.json")
        lengths = runs.csv(f"selection/{arm}/metrics.csv")
        rows.append([name, text([mean(s) for s in before]), text([mean(s) for s in scores]),
                     text([100 * s["tasks"]["conflict/against"]["with_thinking"]["share"] for s in scores]),
                     text([log[0]["reward"] for log in lengths], 2) + " → " +
                     text([last_rows(log, "reward", 5) for log in lengths], 2)])
    table(["questions", "mean of tasks before", "after", "conflict/against after", "reward in training"], rows)
    line_plot(plots / "selection.svg", "Held-out right answers, sampled", "iteration", "%",
              {name: curve(log, "sampled/accuracy", 100) for name, log in tests.items()}, y_range=(0, 100))


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--runs", type=pathlib.Path, default=pathlib.Path("runs/claims"))
    flags.add_argument("--plots", type=pathlib.Path, default=pathlib.Path("docs/claims"))
    given = flags.parse_args()
    runs = Runs(given.runs)
    if not runs.seeds:
        raise SystemExit(f"{given.runs}: no seed* folders; recipes/claims/run.sh makes them")
    given.plots.mkdir(parents=True, exist_ok=True)
    print(f"{len(runs.seeds)} seeds\n")
    budget_tables(runs, given.plots)
    thinking_table(runs)
    grounding_table(runs)
    thoughts_table(runs)
    arms_table(runs)
    format_table(runs, given.plots)
    selection_table(runs, given.plots)
    hearing_table(runs)


if __name__ == "__main__":
    main()
