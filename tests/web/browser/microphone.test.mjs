// A recording from the microphone, for which the browser plays a real recording.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, chatBodies, draftClips, launch, openPage, sample } from "./page.mjs";
import { startServer } from "./server.mjs";

let server;
before(async () => (server = await startServer()));
after(() => server?.stop());

const FAKE_DEVICE = [
  "--use-fake-device-for-media-stream",
  `--use-file-for-fake-audio-capture=${sample("five-zero-nine-two")}`,
];

test("what the microphone hears becomes a WAV file of 16 kHz, and is answered", async (t) => {
  const browser = await launch([...FAKE_DEVICE, "--use-fake-ui-for-media-stream"]);
  t.after(() => browser.close());
  const page = await openPage(t, browser, server);
  const bodies = chatBodies(page);
  await page.getByRole("button", { name: "Record" }).click();
  const stop = page.getByRole("button", { name: "Stop recording" });
  await stop.waitFor();
  assert.equal(await stop.getAttribute("aria-pressed"), "true");
  await page.locator("#record .seconds", { hasText: "0:02" }).waitFor();
  await stop.click();
  await draftClips(page).waitFor();
  assert.match(await draftClips(page).innerText(), /recording\.wav\s+0:0[1-4]/);

  const turn = await ask(page, "How many digits are spoken?");
  assert.match(await turn.locator(".answer").innerText(), /\S/);
  const { data, format } = bodies[0].messages[0].content[0].input_audio;
  const wav = Buffer.from(data, "base64");
  assert.equal(format, "wav");
  assert.equal(wav.toString("latin1", 0, 4), "RIFF");
  assert.deepEqual(
    [wav.readUInt16LE(20), wav.readUInt16LE(22), wav.readUInt32LE(24), wav.readUInt16LE(34)],
    [1, 1, 16000, 16],
  );
  const samples = new Int16Array(wav.buffer.slice(wav.byteOffset + 44, wav.byteOffset + wav.length));
  assert.ok(
    samples.length > 16000 && samples.some((sample) => Math.abs(sample) > 1000),
    "more than a second, and not silent",
  );
});

test("a microphone that may not be used is said", async (t) => {
  const browser = await launch([...FAKE_DEVICE, "--deny-permission-prompts"]);
  t.after(() => browser.close());
  const page = await openPage(t, browser, server);
  await page.getByRole("button", { name: "Record" }).click();
  await page.getByRole("alert").getByText("The browser was not allowed to use the microphone.").waitFor();
  assert.equal(await page.getByRole("button", { name: "Record" }).getAttribute("aria-pressed"), "false");
});
