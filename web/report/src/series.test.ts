import { describe, expect, it } from "vitest";
import type { Plot, Run } from "./data";
import { aligned, armsOf, chartsOf, inWords, positive, smoothed, together } from "./series";

function run(name: string, steps: number[], values: (number | null)[]): Run {
  const log = { rows: steps.length, steps, columns: { loss: values } };
  return { name, logs: { train: log } } as unknown as Run;
}
const plot: Plot = {
  title: "Loss",
  unit: "nats",
  log_scale: false,
  lines: [
    { log: "train", column: "loss", label: "training" },
    { log: "test", column: "loss", label: "held out" },
  ],
};

describe("armsOf", () => {
  const names = (runs: string[]) =>
    armsOf(runs.map((name) => run(name, [], []))).map((arm) => [arm.name, arm.runs.length]);
  it("puts runs together that differ by their seed alone", () => {
    expect(names(["ppo-seed1", "grpo-seed1", "ppo-seed2", "other"])).toEqual([
      ["ppo", 2],
      ["grpo-seed1", 1],
      ["other", 1],
    ]);
  });
  it("also below a run's folder", () => {
    expect(names(["a-seed1/round-1/rl", "a-seed2/round-1/rl", "a-seed1/round-2/rl"])).toEqual([
      ["a/round-1/rl", 2],
      ["a-seed1/round-2/rl", 1],
    ]);
  });
  it("a name that only begins like a seed is a name", () => {
    expect(names(["x-seedling1", "x-seedling2"])).toEqual([
      ["x-seedling1", 1],
      ["x-seedling2", 1],
    ]);
  });
});

describe("together", () => {
  it("is the mean of those that have a number, and their range", () => {
    expect(
      together([
        { steps: [1, 2, 3], values: [1, null, 5] },
        { steps: [1, 3, 4], values: [3, 7, null] },
      ]),
    ).toEqual({ steps: [1, 2, 3, 4], values: [2, null, 6, null], low: [1, null, 5, null], high: [3, null, 7, null] });
  });
});

describe("chartsOf", () => {
  it("one run: one chart, without lines that are not there", () => {
    const charts = chartsOf(plot, armsOf([run("a", [1, 2], [3, 4])]));
    expect(charts.map((chart) => [chart.title, chart.lines.map((line) => line.label)])).toEqual([
      ["Loss", ["training"]],
    ]);
  });
  it("several runs: a line for each", () => {
    const charts = chartsOf(plot, armsOf([run("a", [1], [3]), run("b", [1], [4])]));
    expect(charts.map((chart) => [chart.title, chart.lines.map((line) => line.label)])).toEqual([
      ["Loss: training", ["a", "b"]],
    ]);
  });
  it("seeds: one line with a band", () => {
    const [chart] = chartsOf(plot, armsOf([run("a-seed1", [1], [3]), run("a-seed2", [1], [5])]));
    expect(chart!.lines).toMatchObject([{ label: "a", values: [4], low: [3], high: [5] }]);
  });
  it("a column without a number is no chart", () => {
    expect(chartsOf(plot, armsOf([run("a", [1], [null])]))).toEqual([]);
  });
});

describe("aligned", () => {
  it("tells a gap from a step that a line does not have", () => {
    expect(
      aligned([
        { steps: [1, 2, 4], values: [1, null, 3] },
        { steps: [2, 3], values: [5, 6] },
      ]),
    ).toEqual({
      steps: [1, 2, 3, 4],
      rows: [
        [1, null, undefined, 3],
        [undefined, 5, 6, undefined],
      ],
    });
  });
});

describe("smoothed", () => {
  it("0 leaves all as it is", () => expect(smoothed([1, null, 3], 0)).toEqual([1, null, 3]));
  it("a constant stays itself from the start", () => {
    for (const value of smoothed([2, 2, null, 2], 0.9)) if (value !== null) expect(value).toBeCloseTo(2, 12);
  });
  it("weighs the past", () => {
    // (0.5 * 0.5 * 1 + 0.5 * 3) / 0.75
    expect(smoothed([1, 3], 0.5)[1]).toBeCloseTo(1.75 / 0.75, 12);
  });
});

it("positive leaves out what has no logarithm", () => {
  expect(positive([1, 0, -2, null, undefined])).toEqual([1, null, null, null, undefined]);
});

it("inWords says where a line begins and ends", () => {
  const [chart] = chartsOf(plot, armsOf([run("a", [1, 2, 9], [null, 4, 5])]));
  expect(inWords(chart!, String)).toBe("training 4 at step 2, 5 at step 9");
});
