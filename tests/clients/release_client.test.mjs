// The release's own client (stepaudior1vllm.py), re-enacted: what it sends in every one of its examples,
// and how it reads the reply, line by line and without a net.
import assert from "node:assert/strict";
import test from "node:test";
import { base, digitsAnswer, digitsWav, noise, wav } from "./support.mjs";

const pieceSamples = 25 * 16_000;

// One input_audio for each piece of 25 s: floor(seconds / 25) + 1 of them, so that the last may be empty.
function audioParts(samples) {
  const parts = [];
  for (let i = 0; i <= Math.floor(samples.length / pieceSamples); ++i) {
    const piece = samples.slice(i * pieceSamples, (i + 1) * pieceSamples);
    parts.push({ type: "input_audio", input_audio: { data: wav(piece).toString("base64"), format: "wav" } });
  }
  return parts;
}

function apply(messages) {
  return messages.map((message) =>
    message.role === "human" && Array.isArray(message.content)
      ? { ...message, content: message.content.flatMap((item) => (item.type === "audio" ? audioParts(item.audio) : [item])) }
      : message);
}

async function* ask(messages, { stream = true, ...fields } = {}) {
  const payload = { ...fields, messages: apply(messages), model: "Step-Audio-R1", stream };
  const last = payload.messages.at(-1);
  if (last.role === "assistant" && (last.content ?? null) === null) payload.messages.pop();
  const opens = last.role === "assistant" && last.eot === false;
  payload.continue_final_message = opens;
  payload.add_generation_prompt = !opens;
  payload.skip_special_tokens = false;
  payload.stop_token_ids = [151665];
  const response = await fetch(`${base}/v1/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(payload),
  });
  if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
  for (const raw of (await response.text()).split(/\r?\n/)) {
    if (raw === "") continue;
    const line = stream ? raw.slice(6) : raw;
    if (line === "[DONE]") return;
    const choice = JSON.parse(line).choices[0];
    const message = choice[stream ? "delta" : "message"];
    assert.equal(typeof message.content, "string"); // it is read as message["content"]
    const spoken = message.tts_content ?? {};
    yield {
      text: spoken.tts_text || message.content,
      audio: [...(spoken.tts_audio ?? "").matchAll(/<audio_(\d+)>/g)].map((match) => Number(match[1])),
      message,
    };
  }
}

async function answer(messages, fields) {
  let text = "";
  let reasoning = "";
  for await (const piece of ask(messages, fields)) {
    text += piece.text;
    reasoning += piece.message.reasoning_content ?? "";
  }
  return { text, reasoning };
}

const samples = new Int16Array(
  digitsWav.buffer.slice(digitsWav.byteOffset + 44, digitsWav.byteOffset + digitsWav.byteLength));
// The recording is at 8 kHz; the client loads everything at 16 kHz.
const digits = Array.from({ length: samples.length * 2 }, (_, i) => samples[i >> 1]);

const audio = (value) => ({ type: "audio", audio: value });
const text = (value) => ({ type: "text", text: value });
const thinks = { role: "assistant", content: "<think>\n", eot: false };
const benchmark = { max_tokens: 2048, temperature: 0, repetition_penalty: 1.0 };

test("the question, then the sound (MMAU, MMSU, MMAR, Spoken-MQA)", async () => {
  const { text: written } = await answer(
    [{ role: "human", content: [text("Which digits are spoken?"), audio(digits)] }, thinks], benchmark);
  assert.match(written, /^[0-9 ]+$/);
});

test("the sound, then the question (Big Bench Audio)", async () => {
  for (const stream of [true, false]) {
    const { text: written, reasoning } = await answer(
      [{ role: "human", content: [audio(digits), text("Which digits are spoken?")] }, thinks],
      { ...benchmark, stream });
    assert.equal(written, digitsAnswer);
    assert.match(reasoning, /3.*7.*1/);
    assert.ok(!written.includes("<think>") && !reasoning.includes("<think>"));
  }
});

test("options after the question, as text only", async () => {
  const content = [text("How many digits are spoken?\nPlease choose the answer from the options.\nA. 2\nB. 3"), audio(digits)];
  assert.ok((await answer([{ role: "human", content }, thinks], benchmark)).text.length > 0);
});

test("the sound alone (WildSpeech)", async () => {
  const { text: written, reasoning } = await answer([{ role: "human", content: [audio(digits)] }, thinks], benchmark);
  assert.ok(written.length + reasoning.length > 0);
});

test("a persona and the sound alone (captions)", async () => {
  const messages = [
    { role: "system", content: "你是一位经验丰富的音频分析专家。" },
    { role: "human", content: [audio(digits)] },
    thinks,
  ];
  const { text: written, reasoning } = await answer(messages, { max_tokens: 64, temperature: 0.7, top_p: 0.9 });
  assert.ok(written.length + reasoning.length > 0);
});

test("several turns, the last assistant's message without content", async () => {
  const messages = [
    { role: "system", content: "You hear well." },
    { role: "human", content: [audio(digits), text("Which digits are spoken?")] },
    { role: "assistant", content: "<think>\nFirst I hear 3.\n</think>\n3 7 1" },
    { role: "human", content: "How many digits are spoken?" },
    { role: "assistant", content: null },
  ];
  assert.ok((await answer(messages, benchmark)).text.length > 0);
});

test("an assistant's message that is closed is followed by another turn", async () => {
  const messages = [
    { role: "human", content: [audio(digits), text("Which digits are spoken?")] },
    { role: "assistant", content: "3 7 1" },
  ];
  assert.ok((await answer(messages, benchmark)) !== undefined);
});

test("a sound of a multiple of 25 s ends with an empty piece", async () => {
  const messages = [{ role: "human", content: [audio(noise(50)), text("Which digits are spoken?")] }, thinks];
  assert.equal(apply(messages)[0].content.length, 4); // three pieces and the text
  const { text: written, reasoning } = await answer(messages, { max_tokens: 16, temperature: 0 });
  assert.ok(written.length + reasoning.length > 0);
});

test("a spoken answer is asked for, with tools and their results in the history", async () => {
  const messages = [
    { role: "system", content: "You are helpful." },
    { role: "tool_json_schemas", content: '[{"type": "function", "function": {"name": "search"}}]' },
    { role: "human", content: [audio(digits)] },
    { role: "assistant", content: '<tool_call>function\nsearch\n{"query": "x"}</tool_call>' },
    { role: "input", content: [text("42"), text("Answer in spoken style.")] },
    { role: "assistant", content: "<tts_start>", eot: false },
  ];
  for await (const piece of ask(messages, { max_tokens: 16, temperature: 0.7, stream: true })) {
    assert.equal(piece.message.content, "");
    assert.deepEqual(piece.audio, []); // the small model has no codes
  }
});

test("what it sends is never refused for a field it sends", async () => {
  const fields = { max_tokens: 4, temperature: 0.7, top_p: 0.9, repetition_penalty: 1.07, stop: "<|EOT|>" };
  assert.ok(await answer([{ role: "human", content: "Hello" }, thinks], fields));
});
