// The page's side of the HTTP protocol.

import type { Usage } from "../chat/conversation";
import { parseChunk } from "./chunk";
import { ApiError, CUT_OFF, NO_ANSWER, errorOfReply } from "./errors";
import { SseParser } from "./sse";

export interface AnswerEvents {
  thinking(text: string): void;
  answer(text: string): void;
  usage(usage: Usage): void;
}

export class Client {
  /** The key is asked for anew for every request. Paths are relative, so that a proxy may put the page below any path. */
  constructor(private readonly apiKey: () => string) {}

  chatUrl(): string {
    return new URL("v1/chat/completions", document.baseURI).href;
  }

  /** Names of the models that are served. Throws ApiError. */
  async models(): Promise<string[]> {
    const reply = await this.request(new URL("v1/models", document.baseURI).href, {});
    const body: unknown = await reply.json().catch(() => null);
    const list: unknown = (body as { data?: unknown } | null)?.data;
    if (!Array.isArray(list)) throw new ApiError("The server did not say which models it has.", reply.status);
    return list.map((model: { id?: unknown }) => model?.id).filter((id) => typeof id === "string");
  }

  /**
   * Resolves at the end of the answer to the reason of it ("stop", "length", ...).
   * Throws ApiError, or the signal's own AbortError.
   */
  async ask(body: unknown, events: AnswerEvents, signal: AbortSignal): Promise<string> {
    const reply = await this.request(this.chatUrl(), {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
      body: JSON.stringify(body),
      signal,
    });
    return readAnswer(reply, events, signal);
  }

  private async request(url: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    const key = this.apiKey().trim();
    if (key !== "") headers.set("Authorization", `Bearer ${key}`);
    const reply = await fetch(url, { ...init, headers, cache: "no-store" }).catch((error: unknown) => {
      if (init.signal?.aborted) throw error;
      throw new ApiError(NO_ANSWER, 0);
    });
    if (!reply.ok) throw await errorOfReply(reply);
    return reply;
  }
}

async function readAnswer(reply: Response, events: AnswerEvents, signal: AbortSignal): Promise<string> {
  let finish: string | null = null;
  for await (const data of sseEvents(reply, signal)) {
    if (data === "[DONE]") break;
    const chunk = parseChunk(data);
    if (chunk === null) throw new ApiError("The server sent something that is not part of an answer.", reply.status);
    if (chunk.error !== null) throw new ApiError(chunk.error, reply.status);
    if (chunk.thinking !== "") events.thinking(chunk.thinking);
    if (chunk.answer !== "") events.answer(chunk.answer);
    if (chunk.usage !== null) events.usage(chunk.usage);
    finish = chunk.finish ?? finish;
  }
  if (finish === null) throw new ApiError(CUT_OFF, 0);
  return finish;
}

async function* sseEvents(reply: Response, signal: AbortSignal): AsyncGenerator<string> {
  if (reply.body === null) return;
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  const parser = new SseParser();
  try {
    for (;;) {
      const piece = await reader.read().catch((error: unknown) => {
        if (signal.aborted) throw error;
        throw new ApiError(CUT_OFF, 0);
      });
      if (piece.done) return;
      yield* parser.push(piece.value);
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}
