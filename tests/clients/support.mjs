// What the scripts of this folder share.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";

export const base = process.env.STAPES_URL; // http://127.0.0.1:PORT
export const source = process.env.SOURCE;
export const model = "tiny";

const sample = (name) => fs.readFileSync(path.join(source, "samples", name));
export const digitsWav = sample("three-seven-one.wav");
export const digitsAnswer = "3 7 1"; // of the small model, greedily
export const question = "Which digits are spoken?";

export const text = (value) => ({ type: "text", text: value });
export const audio = (bytes) => ({
  type: "input_audio",
  input_audio: { data: bytes.toString("base64"), format: "wav" },
});
export const user = (...content) => ({ role: "user", content });

export async function post(where, body) {
  const response = await fetch(base + where, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

export async function metric(name) {
  const lines = (await (await fetch(base + "/metrics")).text()).split("\n");
  const line = lines.find((candidate) => candidate.startsWith(name + " "));
  assert.ok(line, `no metric ${name}`);
  return Number(line.split(" ")[1]);
}

export async function until(what, holds) {
  for (let waited = 0; waited < 10_000; waited += 20) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`${what} did not come within 10 s`);
}

// 16 bit, mono, 16 kHz.
export function wav(samples) {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + samples.length * 2, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(16_000, 24);
  header.writeUInt32LE(32_000, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write("data", 36);
  header.writeUInt32LE(samples.length * 2, 40);
  return Buffer.concat([header, Buffer.from(Int16Array.from(samples).buffer)]);
}
export const noise = (seconds) =>
  Array.from({ length: seconds * 16_000 }, (_, i) => ((i * 7919) % 2001) - 1000);
