// A request as the JSON of OpenAI's chat completions. `sound` gives what stands for a clip's base64.

import type { Clip } from "../audio/clip";
import type { ChatRequest, Part } from "./conversation";

export function requestJson(request: ChatRequest, sound: (clip: Clip) => string): Record<string, unknown> {
  return {
    model: request.model,
    messages: request.messages.map(({ role, content }) => ({ role, content: contentJson(content, sound) })),
    ...request.options,
    stream: true,
    stream_options: { include_usage: true },
  };
}

// A question of one text is a plain string, as people write it by hand.
function contentJson(content: string | readonly Part[], sound: (clip: Clip) => string): unknown {
  if (typeof content === "string") return content;
  const [first] = content;
  if (content.length === 1 && first?.kind === "text") return first.text;
  return content.map((part) =>
    part.kind === "text"
      ? { type: "text", text: part.text }
      : { type: "input_audio", input_audio: { data: sound(part.clip), format: part.clip.format } },
  );
}
