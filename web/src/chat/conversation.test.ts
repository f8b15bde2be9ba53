import { describe, expect, it } from "vitest";
import type { Clip } from "../audio/clip";
import { buildRequest, withoutEmptyParts, type Part, type Turn } from "./conversation";
import { requestJson } from "./request_json";
import { DEFAULT_SETTINGS } from "./settings";

const clip = (name: string): Part => ({
  kind: "clip",
  clip: { id: 1, name, format: "flac", base64: () => `<${name}>` } as unknown as Clip,
});
const text = (words: string): Part => ({ kind: "text", text: words });
const turn = (question: Part[], answer: string, fresh = false): Turn => ({
  question,
  answer,
  fresh,
  thinking: "Hm.",
  usage: null,
});

describe("buildRequest", () => {
  const json = (history: Turn[], question: Part[], settings = DEFAULT_SETTINGS) =>
    requestJson(buildRequest("tiny", settings, history, question), (sound) => sound.base64());

  it("keeps sounds and texts in their order, earlier turns too, and leaves thoughts out", () => {
    const history = [turn([text("First:"), clip("a"), clip("b"), text("Same?")], "No.")];
    expect(json(history, [text("Why?")])["messages"]).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "First:" },
          { type: "input_audio", input_audio: { data: "<a>", format: "flac" } },
          { type: "input_audio", input_audio: { data: "<b>", format: "flac" } },
          { type: "text", text: "Same?" },
        ],
      },
      { role: "assistant", content: "No." },
      { role: "user", content: "Why?" },
    ]);
  });

  it("begins with the last turn that begins a conversation", () => {
    const history = [
      turn([text("1")], "one", true),
      turn([text("2")], "two"),
      turn([text("3")], "three", true),
      turn([text("4")], "four"),
    ];
    expect(json(history, [text("5")])["messages"]).toMatchObject(
      ["3", "three", "4", "four", "5"].map((content) => ({ content })),
    );
  });

  it("leaves turns out that got no answer", () => {
    expect(json([turn([text("Lost")], " \n")], [text("Again")])["messages"]).toEqual([
      { role: "user", content: "Again" },
    ]);
  });

  it("says nothing about settings that are not set, and all about those that are", () => {
    expect(json([], [text("Hi")])).toEqual({
      model: "tiny",
      messages: [{ role: "user", content: "Hi" }],
      stream: true,
      stream_options: { include_usage: true },
    });
    const settings = {
      systemPrompt: "S",
      reasoningEffort: "low",
      thinkingBudget: 0,
      temperature: 0,
      topP: 0.5,
      topK: 3,
      maxTokens: 9,
      seed: 4,
    } as const;
    expect(json([], [text("Hi")], settings)).toMatchObject({
      messages: [{ role: "system", content: "S" }, { role: "user" }],
      reasoning_effort: "low",
      thinking_budget: 0,
      temperature: 0,
      top_p: 0.5,
      top_k: 3,
      max_completion_tokens: 9,
      seed: 4,
    });
  });
});

describe("withoutEmptyParts", () => {
  it("drops blank texts only", () => {
    expect(withoutEmptyParts([text(" \n"), clip("a"), text("x ")])).toEqual([
      expect.objectContaining({ kind: "clip" }),
      text("x "),
    ]);
  });
});
