import { describe, expect, it } from "vitest";
import { parseChunk } from "./chunk";

const nothing = { thinking: "", answer: "", finish: null, usage: null, error: null };

describe("parseChunk", () => {
  it("reads deltas, the end, usage and errors", () => {
    expect(parseChunk('{"choices":[{"delta":{"reasoning_content":"Hm"}}]}')).toEqual({ ...nothing, thinking: "Hm" });
    expect(parseChunk('{"choices":[{"delta":{"content":"5"},"finish_reason":null}],"usage":null}')).toEqual({
      ...nothing,
      answer: "5",
    });
    expect(parseChunk('{"choices":[{"delta":{},"finish_reason":"length"}]}')).toEqual({ ...nothing, finish: "length" });
    expect(parseChunk('{"error":{"message":"out of pages"}}')).toEqual({ ...nothing, error: "out of pages" });
    const usage =
      '{"prompt_tokens":9,"completion_tokens":5,"prompt_tokens_details":{"audio_tokens":4},"completion_tokens_details":{"reasoning_tokens":3}}';
    expect(parseChunk(`{"choices":[],"usage":${usage}}`)?.usage).toEqual({
      promptTokens: 9,
      audioTokens: 4,
      cachedTokens: null,
      generatedTokens: 5,
      thinkingTokens: 3,
    });
  });

  it.each(["", "[DONE]", "7", "null", "[]", '{"choices'])("is nothing for %j", (json) => {
    expect(parseChunk(json)).toBeNull();
  });

  it.each(["{}", '{"choices":7}', '{"choices":[null]}', '{"choices":[{"delta":{"content":null}}]}'])(
    "is empty for %s",
    (json) => {
      expect(parseChunk(json)).toEqual(nothing);
    },
  );
});
