import { expect, it } from "vitest";
import { usageLine } from "./usage_line";

it("says the time, and of the tokens what is known", () => {
  const plain = (line: string) => line.replace(/\s+/gu, " ");
  const usage = { promptTokens: 1074, audioTokens: 44, cachedTokens: 16, generatedTokens: 59, thinkingTokens: 55 };
  expect(plain(usageLine(1.42, usage))).toBe(
    "1.4 s · 1,074 tokens read (44 sound, 16 cached) · 59 written (55 thought)",
  );
  const little = { promptTokens: 1, audioTokens: 0, cachedTokens: null, generatedTokens: 2, thinkingTokens: null };
  expect(plain(usageLine(0.25, little))).toBe("0.3 s · 1 token read · 2 written");
  expect(usageLine(3, null)).toBe("3.0 s");
});
