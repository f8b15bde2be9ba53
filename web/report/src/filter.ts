// Which replies are shown. Pure.

import type { Sample } from "./data";

export interface Filter {
  step: number | null; // null: all
  task: string | null;
  verdict: "all" | "right" | "wrong" | "cut";
  words: string;
}

export const EVERYTHING: Filter = { step: null, task: null, verdict: "all", words: "" };

/** Of 0 to 1; null where nobody judged. */
export function accuracy(sample: Sample): number | null {
  return sample.parts["accuracy"] ?? null;
}

export function verdict(sample: Sample): "right" | "wrong" | "partly right" | "not judged" {
  const share = accuracy(sample);
  if (share === null) return "not judged";
  if (share >= 1) return "right";
  return share <= 0 ? "wrong" : "partly right";
}

export function matches(sample: Sample, filter: Filter): boolean {
  if (filter.step !== null && sample.step !== filter.step) return false;
  if (filter.task !== null && sample.task !== filter.task) return false;
  if (filter.verdict === "right" && verdict(sample) !== "right") return false;
  if (filter.verdict === "wrong" && !["wrong", "partly right"].includes(verdict(sample))) return false;
  if (filter.verdict === "cut" && sample.stop !== "length") return false;
  const text = `${sample.prompt}\n${sample.thinking}\n${sample.answer}\n${sample.expected}\n${sample.id}`.toLowerCase();
  return filter.words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

export function different<T>(values: T[]): T[] {
  return [...new Set(values)];
}
