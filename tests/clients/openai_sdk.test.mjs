// OpenAI's own client for JavaScript against a running server.
import assert from "node:assert/strict";
import test from "node:test";
import OpenAI from "openai";
import { audio, base, digitsAnswer, digitsWav, metric, model, question, text, until, user } from "./support.mjs";

const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "none", maxRetries: 0 });
const chat = (fields) => client.chat.completions.create({ model, temperature: 0, ...fields });
const aboutDigits = [user(audio(digitsWav), text(question))];
const aboutSum = [user(text("What is the sum of the digits?"))];

// What a client puts together from a stream.
async function assemble(stream) {
  const whole = { content: "", reasoning: "", chunks: 0, choices: new Map() };
  for await (const chunk of stream) {
    ++whole.chunks;
    if (chunk.usage) whole.usage = chunk.usage;
    for (const choice of chunk.choices) {
      const of = whole.choices.get(choice.index) ?? { content: "", reasoning: "", logprobs: [] };
      whole.choices.set(choice.index, of);
      of.content += choice.delta.content ?? "";
      of.reasoning += choice.delta.reasoning_content ?? "";
      of.finish = choice.finish_reason ?? of.finish;
      of.logprobs.push(...(choice.logprobs?.content ?? []));
    }
  }
  return Object.assign(whole, whole.choices.get(0));
}

test("models", async () => {
  const list = [];
  for await (const entry of client.models.list()) list.push(entry);
  assert.deepEqual(list.map((entry) => entry.id), [model]);
  assert.equal((await client.models.retrieve(model)).object, "model");
  await assert.rejects(client.models.retrieve("other"), OpenAI.NotFoundError);
});

test("a question about sound", async () => {
  const reply = await chat({ messages: aboutDigits });
  const [choice] = reply.choices;
  assert.equal(choice.message.content, digitsAnswer);
  assert.match(choice.message.reasoning_content, /3.*7.*1/);
  assert.equal(choice.finish_reason, "stop");
  const { usage } = reply;
  assert.ok(usage.prompt_tokens_details.audio_tokens > 10);
  assert.ok(usage.completion_tokens_details.reasoning_tokens > 5);
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
});

test("the second question about the same sound finds it known", async () => {
  await chat({ messages: aboutDigits });
  const again = await chat({ messages: [user(audio(digitsWav), text("What is the sum of the digits?"))] });
  assert.ok(again.usage.prompt_tokens_details.cached_tokens > 0);
});

test("a stream says what the whole reply says", async () => {
  const whole = await chat({ messages: aboutDigits });
  const stream = await assemble(
    await chat({ messages: aboutDigits, stream: true, stream_options: { include_usage: true } }),
  );
  assert.ok(stream.chunks > 5);
  assert.equal(stream.content, whole.choices[0].message.content);
  assert.equal(stream.reasoning, whole.choices[0].message.reasoning_content);
  assert.equal(stream.finish, whole.choices[0].finish_reason);
  assert.equal(stream.usage.total_tokens, whole.usage.total_tokens);
});

test("the client's own assembly of a stream", async () => {
  const runner = client.chat.completions.stream({
    model,
    temperature: 0,
    messages: aboutDigits,
    stream_options: { include_usage: true },
  });
  const deltas = [];
  runner.on("content", (delta) => deltas.push(delta));
  const final = await runner.finalChatCompletion();
  assert.equal(final.choices[0].message.content, digitsAnswer);
  assert.equal(deltas.join(""), digitsAnswer);
  assert.ok((await runner.totalUsage()).total_tokens > 0);
});

test("where thinking appears", async () => {
  const apart = (await chat({ messages: aboutDigits })).choices[0].message;
  const inside = (await chat({ messages: aboutDigits, reasoning_format: "content" })).choices[0].message;
  assert.equal(inside.content, `<think>\n${apart.reasoning_content}\n</think>\n${apart.content}`);
  assert.equal(inside.reasoning_content, undefined);
  const hidden = (await chat({ messages: aboutDigits, reasoning_format: "hidden" })).choices[0].message;
  assert.equal(hidden.content, apart.content);
  assert.equal(hidden.reasoning_content, undefined);
  const streamed = await assemble(
    await chat({ messages: aboutDigits, reasoning_format: "content", stream: true }),
  );
  assert.equal(streamed.content, inside.content);
});

test("how long it may think", async () => {
  const none = await chat({ messages: aboutDigits, reasoning_effort: "none" });
  assert.equal(none.usage.completion_tokens_details.reasoning_tokens, 0);
  assert.equal(none.choices[0].message.reasoning_content, "");
  const brief = await chat({ messages: aboutDigits, thinking_budget: 4 });
  const { reasoning_tokens: spent } = brief.usage.completion_tokens_details;
  assert.ok(spent >= 4 && spent < 16, `${spent} tokens`); // and those of the end marker
});

test("several answers", async () => {
  const ask = (seed) => chat({ messages: aboutSum, temperature: 1.5, n: 3, seed, max_tokens: 24 });
  const [first, same, other] = await Promise.all([ask(1), ask(1), ask(2)]);
  const texts = (reply) => reply.choices.map(({ message }) => message.reasoning_content + message.content);
  assert.equal(first.choices.length, 3);
  assert.deepEqual(first.choices.map(({ index }) => index), [0, 1, 2]);
  assert.deepEqual(texts(first), texts(same));
  assert.notDeepEqual(texts(first), texts(other));
  const streamed = await assemble(
    await chat({ messages: aboutSum, temperature: 1.5, n: 3, seed: 1, max_tokens: 24, stream: true }),
  );
  const fromStream = [0, 1, 2].map((i) => streamed.choices.get(i)).map((c) => c.reasoning + c.content);
  assert.deepEqual(fromStream, texts(first));
});

test("log probabilities", async () => {
  const fields = { messages: aboutDigits, logprobs: true, top_logprobs: 3 };
  const [choice] = (await chat(fields)).choices;
  const { content } = choice.logprobs;
  assert.equal(content.map(({ token }) => token).join("").trim(), digitsAnswer);
  for (const entry of content) {
    assert.ok(entry.logprob <= 0);
    assert.equal(entry.top_logprobs.length, 3);
    assert.equal(entry.top_logprobs[0].token, entry.token); // greedy
    assert.equal(Buffer.from(entry.bytes).toString(), entry.token);
  }
  const streamed = await assemble(await chat({ ...fields, stream: true }));
  assert.deepEqual(streamed.logprobs, content);
  assert.equal((await chat({ messages: aboutDigits })).choices[0].logprobs, null);
});

test("what ends an answer", async () => {
  const short = await chat({ messages: aboutDigits, max_completion_tokens: 3 });
  assert.equal(short.choices[0].finish_reason, "length");
  assert.equal(short.usage.completion_tokens, 3);
  const stopped = await chat({ messages: aboutDigits, stop: ["7"], reasoning_effort: "none" });
  assert.equal(stopped.choices[0].finish_reason, "stop");
  assert.equal(stopped.choices[0].stop_reason, "7");
  assert.ok(!stopped.choices[0].message.content.includes("7"));
});

test("penalties keep a greedy text from repeating", async () => {
  const fours = async (fields) => {
    const fixed = { model, prompt: "First I hear", temperature: 0, max_tokens: 24 };
    const [{ text: written }] = (await client.completions.create({ ...fixed, ...fields })).choices;
    return written.split("4").length - 1;
  };
  const plain = await fours({});
  assert.ok(plain >= 4); // the small model knows no such text, and writes fours
  assert.ok((await fours({ frequency_penalty: 2, presence_penalty: 2 })) < plain);
});

test("tools are shown to the model, and history with calls is read", async () => {
  const tools = [
    { type: "function", function: { name: "price", parameters: { type: "object", properties: {} } } },
  ];
  const without = await chat({ messages: aboutSum, max_tokens: 4 });
  const withTools = await chat({ messages: aboutSum, tools, max_tokens: 4 });
  assert.ok(withTools.usage.prompt_tokens > without.usage.prompt_tokens);
  const refused = chat({ messages: aboutSum, tools, tool_choice: "required" });
  await assert.rejects(refused, (error) => error.status === 400 && error.param === "tool_choice");
  const second = await chat({
    tools,
    max_tokens: 4,
    messages: [
      ...aboutSum,
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "c1", type: "function", function: { name: "price", arguments: "{}" } }],
      },
      { role: "tool", tool_call_id: "c1", content: "42" },
    ],
  });
  assert.ok(second.usage.prompt_tokens > withTools.usage.prompt_tokens);
});

test("errors are the client's own classes", async () => {
  const rejected = async (fields, { status, param, code, words }) =>
    assert.rejects(chat(fields), (error) => {
      assert.ok(error instanceof OpenAI.APIError);
      assert.equal(error instanceof OpenAI.BadRequestError, status === 400);
      assert.equal(error.status, status);
      assert.equal(error.param, param);
      assert.equal(error.code, code);
      assert.match(error.message, words);
      return true;
    });
  await rejected({ messages: aboutSum, temperature: -1 },
    { status: 400, param: "temperature", code: null, words: /at least 0/ });
  await rejected({ messages: [user(text("x"), audio(Buffer.from("no sound")))] },
    { status: 400, param: "messages[0].content[1].input_audio.data", code: "invalid_audio", words: /not audio/ });
  await rejected({ messages: [] }, { status: 400, param: "messages", code: null, words: /at least one message/ });
  await rejected({ messages: [user(text("digits ".repeat(20_000)))] },
    { status: 400, param: null, code: "context_length_exceeded", words: /the context holds 4096/ });
  await rejected({ messages: [user(text("digits ".repeat(400_000)))] },
    { status: 413, param: "messages[0].content[0].text", code: "too_large", words: /bytes of text/ });
  await rejected({ messages: aboutSum, response_format: { type: "json_object" } },
    { status: 400, param: "response_format.type", code: "unsupported", words: /only text/ });
  // Of a stream nothing has been sent yet, so the status says it.
  await rejected({ messages: aboutSum, stream: true, top_p: 7 },
    { status: 400, param: "top_p", code: null, words: /at most 1/ });
});

test("a client that leaves frees its place", async () => {
  const requests = [0, 1, 2, 3].map(async () => {
    const controller = new AbortController();
    const stream = await client.chat.completions.create(
      { model, messages: aboutDigits, stream: true, temperature: 2, n: 8 },
      { signal: controller.signal },
    );
    for await (const chunk of stream) {
      assert.ok(chunk.id);
      controller.abort();
    }
  });
  await Promise.all(requests);
  await until("an end of all sequences", async () => (await metric("stapes_live_sequences")) === 0);
  assert.equal((await chat({ messages: aboutDigits })).choices[0].message.content, digitsAnswer);
});

test("many at the same time answer as each alone", async () => {
  const replies = await Promise.all(
    Array.from({ length: 24 }, (_, i) =>
      chat({ messages: i % 2 ? aboutDigits : aboutSum, stream: false, max_tokens: 200 })),
  );
  for (const odd of [0, 1]) {
    const alone = (await chat({ messages: odd ? aboutDigits : aboutSum, max_tokens: 200 })).choices[0].message;
    for (let i = odd; i < replies.length; i += 2)
      assert.equal(replies[i].choices[0].message.content, alone.content);
  }
});

test("completions of a text", async () => {
  const prompt = "<|BOT|>human\nWhat is the sum?<|EOT|><|BOT|>assistant\n<think>\n";
  const create = (fields) => client.completions.create({ model, prompt, temperature: 0, max_tokens: 8, ...fields });
  const plain = await create({});
  const [{ text: written }] = plain.choices;
  assert.ok(written.length > 0);
  assert.equal(plain.object, "text_completion");
  assert.equal((await create({ echo: true })).choices[0].text, prompt + written);
  let streamed = "";
  for await (const chunk of await create({ stream: true })) streamed += chunk.choices[0]?.text ?? "";
  assert.equal(streamed, written);
  const several = await create({ prompt: [prompt, "First"], n: 2 });
  assert.deepEqual(several.choices.map(({ index }) => index), [0, 1, 2, 3]);
  assert.equal(several.choices[1].text, written);
  const [{ logprobs, text: longer }] = (await create({ logprobs: 2, prompt: "First I hear" })).choices;
  assert.equal(logprobs.tokens.join(""), longer);
  assert.equal(logprobs.text_offset[1], logprobs.tokens[0].length);
  assert.equal(Object.keys(logprobs.top_logprobs[0]).length, 2);
});

test("completions of token ids go on where a text would", async () => {
  const prompt = "First I hear";
  const { tokens } = await (
    await fetch(`${base}/tokenize`, { method: "POST", body: JSON.stringify({ prompt }) })
  ).json();
  const create = (of) => client.completions.create({ model, prompt: of, temperature: 0, max_tokens: 8 });
  assert.equal((await create(tokens)).choices[0].text, (await create(prompt)).choices[0].text);
});

test("an assistant's message at the end is continued", async () => {
  const [whole] = (await chat({ messages: aboutDigits })).choices;
  const thought = whole.message.reasoning_content;
  const half = thought.slice(0, thought.indexOf(","));
  const [rest] = (
    await chat({ messages: [...aboutDigits, { role: "assistant", reasoning_content: half }] })
  ).choices;
  assert.equal(half + rest.message.reasoning_content, thought);
  assert.equal(rest.message.content, digitsAnswer);
});
