// What an answer took, on one line.

import { DOT, count, duration } from "../format";
import type { Usage } from "./conversation";

/** 1.4 s · 39 tokens read (21 sound, 16 cached) · 52 written (40 thought) */
export function usageLine(seconds: number, usage: Usage | null): string {
  const facts = [duration(seconds)];
  if (usage !== null) {
    facts.push(
      `${count(usage.promptTokens, "token")} read${ofThem([usage.audioTokens, "sound"], [usage.cachedTokens, "cached"])}`,
      `${usage.generatedTokens.toLocaleString("en")} written${ofThem([usage.thinkingTokens, "thought"])}`,
    );
  }
  return facts.join(DOT);
}

function ofThem(...parts: [number | null, string][]): string {
  const words = parts.filter(([n]) => n).map(([n, what]) => `${n?.toLocaleString("en")} ${what}`);
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}
