// One chat.completion.chunk of the stream, as far as the page reads it.

import type { Usage } from "../chat/conversation";

export interface Chunk {
  thinking: string;
  answer: string;
  finish: string | null;
  usage: Usage | null;
  error: string | null;
}

/** null if the text is no JSON object. Fields that are missing or of another type say nothing. */
export function parseChunk(json: string): Chunk | null {
  let body: unknown;
  try {
    body = JSON.parse(json);
  } catch {
    return null;
  }
  if (!isObject(body)) return null;
  const choice = Array.isArray(body["choices"]) ? asObject(body["choices"][0]) : {};
  const delta = asObject(choice["delta"]);
  const error = asObject(body["error"])["message"];
  return {
    thinking: asText(delta["reasoning_content"]) ?? "",
    answer: asText(delta["content"]) ?? "",
    finish: asText(choice["finish_reason"]),
    usage: isObject(body["usage"]) ? usageOf(body["usage"]) : null,
    error: "error" in body && body["error"] !== null ? (asText(error) ?? "The server reported an error.") : null,
  };
}

function usageOf(usage: Record<string, unknown>): Usage {
  const prompt = asObject(usage["prompt_tokens_details"]);
  const generated = asObject(usage["completion_tokens_details"]);
  return {
    promptTokens: asNumber(usage["prompt_tokens"]) ?? 0,
    audioTokens: asNumber(prompt["audio_tokens"]),
    cachedTokens: asNumber(prompt["cached_tokens"]),
    generatedTokens: asNumber(usage["completion_tokens"]) ?? 0,
    thinkingTokens: asNumber(generated["reasoning_tokens"]),
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const asObject = (value: unknown) => (isObject(value) ? value : {});
const asText = (value: unknown) => (typeof value === "string" ? value : null);
const asNumber = (value: unknown) => (typeof value === "number" ? value : null);
