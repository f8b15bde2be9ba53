// What was asked and answered, and how the next question is put to the server.

import type { Clip } from "../audio/clip";
import type { Settings } from "./settings";

export type Part = { kind: "text"; text: string } | { kind: "clip"; clip: Clip };

export interface Usage {
  promptTokens: number;
  audioTokens: number | null;
  cachedTokens: number | null;
  generatedTokens: number;
  thinkingTokens: number | null;
}

export interface Turn {
  readonly question: readonly Part[];
  /** Begins a conversation of its own: the model is told nothing of what was said before. */
  readonly fresh: boolean;
  thinking: string;
  answer: string;
  usage: Usage | null;
}

/** A request whose sounds are still clips, so that it can become JSON or a command line. */
export interface ChatRequest {
  model: string;
  messages: { role: "system" | "user" | "assistant"; content: string | readonly Part[] }[];
  options: Record<string, unknown>;
}

export function buildRequest(
  model: string,
  settings: Settings,
  history: readonly Turn[],
  question: readonly Part[],
): ChatRequest {
  const messages: ChatRequest["messages"] = [];
  if (settings.systemPrompt.trim() !== "") messages.push({ role: "system", content: settings.systemPrompt });
  for (const turn of remembered(history)) {
    messages.push({ role: "user", content: turn.question });
    messages.push({ role: "assistant", content: turn.answer });
  }
  messages.push({ role: "user", content: question });
  return { model, messages, options: optionsOf(settings) };
}

// Since the conversation began. A turn that got no answer (stopped, or cut off while thinking) would leave two
// questions in a row.
function remembered(history: readonly Turn[]): Turn[] {
  const beginning = history.findLastIndex((turn) => turn.fresh);
  return history.slice(Math.max(0, beginning)).filter(isAnswered);
}

export function isAnswered(turn: Turn): boolean {
  return turn.answer.trim() !== "";
}

/** Without parts that hold nothing. */
export function withoutEmptyParts(parts: readonly Part[]): Part[] {
  return parts.filter((part) => part.kind === "clip" || part.text.trim() !== "");
}

// Fields that are not set are left out, so that the server's own defaults hold.
function optionsOf(settings: Settings): Record<string, unknown> {
  const fields: [string, unknown][] = [
    ["temperature", settings.temperature],
    ["top_p", settings.topP],
    ["top_k", settings.topK],
    ["max_completion_tokens", settings.maxTokens],
    ["seed", settings.seed],
    ["reasoning_effort", settings.reasoningEffort || null],
    ["thinking_budget", settings.thinkingBudget],
  ];
  return Object.fromEntries(fields.filter(([, value]) => value !== null));
}
