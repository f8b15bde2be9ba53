import { describe, expect, it } from "vitest";
import { DEFAULT_SETTINGS, countChanged, parseSettings } from "./settings";

describe("parseSettings", () => {
  it("reads back what was stored", () => {
    const settings = {
      ...DEFAULT_SETTINGS,
      systemPrompt: "Be brief.",
      temperature: 0,
      seed: 7,
      reasoningEffort: "low" as const,
    };
    expect(parseSettings(JSON.stringify(settings))).toEqual(settings);
    expect(countChanged(settings)).toBe(4);
  });

  it.each([null, "", "{", "null", "7", "[]", '"text"'])("gives the defaults for %j", (stored) => {
    expect(parseSettings(stored)).toEqual(DEFAULT_SETTINGS);
  });

  it("drops what is out of range, of the wrong type or unknown", () => {
    const stored = {
      temperature: 9,
      topK: 1.5,
      maxTokens: "12",
      seed: -1,
      reasoningEffort: "extreme",
      systemPrompt: 4,
      x: 1,
    };
    expect(parseSettings(JSON.stringify(stored))).toEqual(DEFAULT_SETTINGS);
  });
});
