import { describe, expect, it } from "vitest";
import { errorOfReply } from "./errors";

describe("errorOfReply", () => {
  it("says what the server said", async () => {
    const body = JSON.stringify({ error: { message: "expected at most 256 requests, got one more", type: "x" } });
    const error = await errorOfReply(new Response(body, { status: 429, headers: { "Retry-After": "3" } }));
    expect(error).toMatchObject({
      message: "Expected at most 256 requests, got one more.",
      status: 429,
      retryAfterSeconds: 3,
    });
  });

  it("leaves the path of a field as it is", async () => {
    const body = JSON.stringify({ error: { message: "messages[0].content: expected text" } });
    expect((await errorOfReply(new Response(body, { status: 400 }))).message).toBe(
      "messages[0].content: expected text.",
    );
  });

  it.each(["", "<html>", "null", "{}", '{"error":"x"}', '{"error":{"message":7}}'])(
    "has words of its own for %j",
    async (body) => {
      const error = await errorOfReply(new Response(body, { status: 502, statusText: "Bad Gateway" }));
      expect(error).toMatchObject({
        message: "The server answered with status 502 (Bad Gateway).",
        retryAfterSeconds: null,
      });
    },
  );
});
