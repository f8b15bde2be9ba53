// The server's own OpenAPI document against what it reads and writes, with the examples of the protocol page.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import Ajv from "ajv/dist/2020.js";
import { base, post, source } from "./support.mjs";

const document = await (await fetch(`${base}/openapi.json`)).json();
const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema({ $id: "openapi", components: document.components });
const is = (name) => ajv.compile({ $ref: `openapi#/components/schemas/${name}` });
function conforms(name, value) {
  const validate = is(name);
  assert.ok(validate(value), `${name}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value).slice(0, 600)}`);
}

const requestOf = {
  "/v1/chat/completions": "ChatRequest",
  "/v1/completions": "CompletionRequest",
  "/tokenize": "TokenizeRequest",
  "/detokenize": "DetokenizeRequest",
};
const replyOf = {
  "/v1/chat/completions": "ChatCompletion",
  "/v1/completions": "Completion",
  "/tokenize": "Tokens",
  "/v1/models": "ModelList",
};
const folder = path.join(source, "tests/golden/http");
const fixtures = fs.readdirSync(folder).map((name) => ({ name, ...JSON.parse(fs.readFileSync(path.join(folder, name))) }));

test("the document is an OpenAPI document of this server", async () => {
  assert.equal(document.openapi, "3.1.0");
  assert.match(document.info.version, /^\d+\.\d+\.\d+$/);
  for (const [where, methods] of Object.entries(document.paths))
    for (const method of Object.keys(methods)) {
      const response = await fetch(base + where.replace("{model}", "tiny"), { method: method.toUpperCase() });
      await response.arrayBuffer(); // else the connection keeps the process alive
      assert.notEqual(response.status, 404, where);
      assert.notEqual(response.status, 405, where);
    }
});

for (const { name, path: where, request, status, reply, chunks } of fixtures) {
  test(`example ${name}`, async () => {
    if (chunks) for (const chunk of chunks) conforms("ChatCompletionChunk", chunk);
    if (reply && (status || replyOf[where])) conforms(status ? "Error" : replyOf[where], reply);
    if (!request) return;
    // What is wrong about the rest is not its shape: junk in place of sound, or what only a run can tell.
    const hasShape = is(requestOf[where])(request);
    if (!status) conforms(requestOf[where], request);
    else if (/type|value|unsupported/.test(name)) assert.ok(!hasShape, "the schema lets this through");
  });

  if (!request || request.stream) continue;
  test(`example ${name} asked of the server`, async () => {
    const got = await post(where, request);
    assert.equal(got.status, status ?? 200, JSON.stringify(got.body));
    if (status) assert.deepEqual(got.body, reply);
    else if (replyOf[where]) conforms(replyOf[where], got.body);
    if (/tokenize/.test(name)) assert.deepEqual(got.body, reply);
  });
}

test("chunks of a real stream", async () => {
  const response = await fetch(`${base}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({
      messages: [{ role: "user", content: "What is the sum?" }],
      stream: true, stream_options: { include_usage: true }, logprobs: true, top_logprobs: 2, n: 2, max_tokens: 20,
    }),
  });
  assert.match(response.headers.get("content-type"), /^text\/event-stream/);
  const events = (await response.text()).split("\n\n").filter(Boolean);
  assert.equal(events.pop(), "data: [DONE]");
  for (const event of events) conforms("ChatCompletionChunk", JSON.parse(event.replace(/^data: /, "")));
});
