// From a sound to an answer, and on to the next question.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { answered, ask, chatBodies, draftClips, drop, launch, openPage, question, sample, turns } from "./page.mjs";
import { ENDLESS_MODEL, SOURCE, startServer } from "./server.mjs";

let browser, server;
before(async () => ([browser, server] = await Promise.all([launch(), startServer()])));
after(async () => {
  await browser?.close();
  await server?.stop();
});

const base64 = (name) => readFileSync(sample(name)).toString("base64");
const sound = (name) => ({ type: "input_audio", input_audio: { data: base64(name), format: "wav" } });
const words = (text) => ({ type: "text", text });

// Every state in which a thought was, in order.
async function watchThought(page) {
  await page.evaluate(() => {
    window.states = [];
    const note = () => {
      const thought = document.querySelector(".thought");
      if (thought === null) return;
      const open = thought.querySelector("button").getAttribute("aria-expanded") === "true" ? "open" : "folded";
      const state = `${thought.dataset.phase} ${open}`;
      if (window.states.at(-1) !== state) window.states.push(state);
    };
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
  });
}

test("a dropped sound is seen, heard, thought about and answered", async (t) => {
  const page = await openPage(t, browser, server);
  await watchThought(page);
  await drop(page, sample("five-zero-nine-two"));
  const clip = draftClips(page);
  await clip.waitFor();
  assert.match(await clip.innerText(), /five-zero-nine-two\.wav\s+0:03\s+56 kB/);

  // Waveform and spectrogram hold more than one colour.
  await page.waitForTimeout(500);
  const colours = await clip.locator(".clip-screen canvas").evaluateAll((canvases) =>
    canvases.map((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    }),
  );
  assert.ok(colours.length >= 2 && Math.max(...colours) > 50, `colours of the canvases: ${colours}`);

  // It plays, and stops; arrow keys search.
  await clip.getByRole("button", { name: "Play five-zero-nine-two.wav" }).click();
  await clip.getByRole("button", { name: "Pause five-zero-nine-two.wav" }).click();
  const position = clip.getByRole("slider", { name: "Position in five-zero-nine-two.wav" });
  await position.press("Home");
  // A player that has just stopped may drop a seek: then it is asked again.
  const said = () => position.getAttribute("aria-valuetext");
  for (let presses = 0; presses < 20 && /^0\.0 of/.test(await said()); ++presses) {
    await position.press("ArrowRight");
    await page.waitForTimeout(100);
  }
  assert.match(await said(), /^(?!0\.0)\d\.\d of 3\.5 seconds$/);

  const turn = await ask(page, "Which digits are spoken?");
  assert.equal(await turn.locator(".answer").innerText(), "5 0 9 2");
  await turn.locator(".thought:not(.open)").waitFor(); // it stays open for a while, to be seen
  // The small model may be done with its thought within one frame: then it is seen open with the answer below it.
  assert.match(
    (await page.evaluate(() => window.states)).join(", "),
    /^listening folded, (thinking open, )?over open, over folded$/,
  );
  assert.match(await turn.locator(".thought-head").innerText(), /^Thought\s+for [\d.]+ m?s\s+·\s+\d+ tokens$/);
  assert.match(
    await turn.locator(".facts").innerText(),
    /^[\d.]+ m?s\s+·\s+\d+ tokens read \(\d+ sound(, \d+ cached)?\)\s+·\s+\d+ written \(\d+ thought\)$/,
  );
  assert.equal(await page.locator("#announcer").innerText(), "Answer: 5 0 9 2");
  assert.equal(await draftClips(page).count(), 0, "the draft has become the turn");

  // The thought unfolds again, with what was thought.
  const head = turn.locator(".thought-head");
  await turn.locator(".thought-text").waitFor({ state: "hidden" });
  await head.click();
  assert.match(await turn.getByRole("group", { name: "Thought" }).innerText(), /5.*0.*9.*2/s);
});

test("sounds and texts go to the server in their order, and so does what was said before", async (t) => {
  const page = await openPage(t, browser, server);
  const bodies = chatBodies(page);
  await page.setInputFiles("#files", [sample("three-seven-one"), sample("six-four")]);
  await draftClips(page).nth(1).waitFor();
  // A text before the sounds, the second sound first, and one more text that stays empty.
  await page.getByRole("button", { name: "Add text" }).click();
  const parts = page.locator("#parts > li");
  await parts.nth(3).locator("textarea").fill("Listen:");
  for (const at of [3, 2, 1]) await parts.nth(at).getByRole("button", { name: "Move this text up" }).click();
  await page.getByRole("button", { name: "Move six-four.wav up" }).click();
  await page.getByRole("button", { name: "Add text" }).click();
  await parts.nth(3).locator("textarea").fill("Which digits are spoken?");
  await parts.nth(3).locator("textarea").press("Enter");
  const first = await answered(page, 0);
  const answer = await first.locator(".answer").innerText();

  await ask(page, "How many digits are spoken?");
  const asked = [words("Listen:"), sound("six-four"), sound("three-seven-one"), words("Which digits are spoken?")];
  assert.deepEqual(bodies[0].messages, [{ role: "user", content: asked }]);
  assert.deepEqual(bodies[1].messages, [
    { role: "user", content: asked },
    { role: "assistant", content: answer },
    { role: "user", content: "How many digits are spoken?" },
  ]);
  assert.equal(bodies[1].stream, true);

  // "Ask again" is offered for the last turn only, and puts a new answer in its place.
  assert.equal(await page.getByRole("button", { name: "Ask again" }).count(), 1);
  await page.getByRole("button", { name: "Ask again" }).click();
  await answered(page, 1);
  assert.deepEqual(bodies[2], bodies[1]);

  // "New" forgets all.
  await page.getByRole("button", { name: "New" }).click();
  assert.equal(await turns(page).count(), 0);
  assert.ok(await page.locator("#welcome").isVisible());
  await ask(page, "Hello?");
  assert.deepEqual(bodies[3].messages, [{ role: "user", content: "Hello?" }]);
});

test("the samples answer at a click, and offer what was not asked", async (t) => {
  const page = await openPage(t, browser, server);
  const bodies = chatBodies(page);
  await page.locator(".sample").first().getByRole("button", { name: "What is the sum of the digits?" }).click();
  assert.equal(await (await answered(page, 0)).locator(".answer").innerText(), "16");
  await page.locator("#suggestions").getByRole("button", { name: "Which digits are spoken?" }).click();
  assert.equal(await (await answered(page, 1)).locator(".answer").innerText(), "5 0 9 2");
  assert.deepEqual(await page.locator("#suggestions button").allInnerTexts(), ["Which digit is the largest?"]);
  // A suggestion is a conversation of its own, and what is written then goes on with that one.
  await turns(page).nth(1).getByText("A new conversation").waitFor();
  assert.deepEqual(bodies[1].messages, [
    { role: "user", content: [sound("five-zero-nine-two"), words("Which digits are spoken?")] },
  ]);
  await ask(page, "Really?");
  assert.deepEqual(
    bodies[2].messages.map((message) => message.role),
    ["user", "assistant", "user"],
  );
});

test("the command that is copied gives the same answer in a shell", async (t) => {
  const page = await openPage(t, browser, server, { permissions: ["clipboard-read", "clipboard-write"] });
  await page.setInputFiles("#files", sample("three-seven-one"));
  await draftClips(page).waitFor();
  await question(page).fill("What is the sum of the digits?");
  await page.getByRole("button", { name: "Copy as curl" }).click();
  const drafted = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(await page.locator("#announcer").innerText(), "Copied");

  const turn = await ask(page, "What is the sum of the digits?");
  await turn.getByRole("button", { name: "Copy as curl" }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), drafted);
  await turn.getByRole("button", { name: "Copy", exact: true }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "11");

  const events = execFileSync("sh", ["-eu", "-c", drafted], { cwd: `${SOURCE}/samples`, encoding: "utf8" });
  const chunks = events.match(/(?<=^data: )\{.*$/gm).map((line) => JSON.parse(line));
  assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? "").join(""), "11");
});

test("a large file is sent as what the model hears of it", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "stapes-web-"));
  t.after(() => rmSync(folder, { recursive: true }));
  // A minute in stereo at 48 kHz: the sample's header with other numbers, and noise.
  const bytes = 60 * 48000 * 4;
  const wav = Buffer.concat([
    readFileSync(sample("six-four")).subarray(0, 44),
    Buffer.alloc(bytes, randomBytes(4801 * 4)),
  ]);
  for (const [at, value] of [
    [4, bytes + 36],
    [24, 48000],
    [28, 48000 * 4],
    [40, bytes],
  ])
    wav.writeUInt32LE(value, at);
  wav.writeUInt16LE(2, 22);
  wav.writeUInt16LE(4, 32);
  writeFileSync(join(folder, "minute.wav"), wav);

  const page = await openPage(t, browser, server);
  const bodies = chatBodies(page);
  await page.setInputFiles("#files", join(folder, "minute.wav"));
  await draftClips(page).waitFor();
  assert.match(await draftClips(page).innerText(), /minute\.wav\s+1:00\s+·\s+heard in 3 pieces\s+1\.9 MB/);
  await ask(page, "How many digits are spoken?");
  const sent = Buffer.from(bodies[0].messages[0].content[0].input_audio.data, "base64");
  assert.deepEqual([sent.readUInt16LE(22), sent.readUInt32LE(24), sent.length], [1, 16000, 44 + 60 * 16000 * 2]);
});

test("an answer can be stopped, by the button and by Escape, and what was written stays", async (t) => {
  // It writes thousands of tokens a second, and is to be at it still when we look.
  const endless = await startServer({ model: ENDLESS_MODEL, args: ["--default-max-tokens", "60000"] });
  t.after(() => endless.stop());
  const page = await openPage(t, browser, endless);
  const stops = [
    () => page.getByRole("button", { name: "Stop", exact: true }).click(),
    () => page.keyboard.press("Escape"),
  ];
  for (const [index, stop] of stops.entries()) {
    await question(page).fill("Go on for ever");
    await question(page).press("Enter");
    const turn = turns(page).nth(index);
    await page.waitForFunction(
      (at) => (document.querySelectorAll(".turn")[at]?.querySelector(".thought-text")?.textContent ?? "").length > 20,
      index,
    );
    assert.ok(await page.getByRole("button", { name: "Ask", exact: true }).isHidden());
    await stop();
    await answered(page, index);
    assert.match(await turn.locator(".turn-note").innerText(), /^Stopped\./);
    assert.ok((await turn.locator(".thought-text").textContent()).length > 20);
    assert.ok(await page.getByRole("button", { name: "Ask", exact: true }).isVisible());
  }
});
