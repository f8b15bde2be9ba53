import { describe, expect, it } from "vitest";
import type { Sample } from "./data";
import { EVERYTHING, matches, verdict } from "./filter";

const sample = (change: Partial<Sample> = {}): Sample => ({
  step: 10,
  id: "sum/3",
  task: "sum",
  prompt: "<audio>What is the sum?",
  thinking: "First I hear 3.",
  closed: true,
  answer: "3",
  expected: "3",
  tokens: 9,
  stop: "stop",
  reward: 1,
  parts: { accuracy: 1 },
  ...change,
});

describe("verdict", () => {
  it.each([
    [{ accuracy: 1 }, "right"],
    [{ accuracy: 0 }, "wrong"],
    [{ accuracy: 0.5 }, "partly right"],
    [{}, "not judged"],
  ] as const)("of %o is %s", (parts, expected) => expect(verdict(sample({ parts }))).toBe(expected));
});

describe("matches", () => {
  it("all by default", () => expect(matches(sample({ parts: {} }), EVERYTHING)).toBe(true));
  it.each([
    [{ step: 10 }, true],
    [{ step: 11 }, false],
    [{ task: "sum" }, true],
    [{ task: "largest" }, false],
    [{ verdict: "right" }, true],
    [{ verdict: "wrong" }, false],
    [{ verdict: "cut" }, false],
    [{ words: "hear FIRST" }, true],
    [{ words: "hear second" }, false],
    [{ words: "sum/3" }, true],
    [{ words: "<audio>" }, true],
  ] as const)("%o: %s", (change, expected) => expect(matches(sample(), { ...EVERYTHING, ...change })).toBe(expected));
});
