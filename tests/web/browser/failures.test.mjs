// What goes wrong is said on the page, in the server's own words, and nothing that the user gave is lost.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { answered, ask, chatBodies, draftClips, drop, launch, openPage, question, sample, turns } from "./page.mjs";
import { ENDLESS_MODEL, startServer } from "./server.mjs";

let browser, server, folder;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "stapes-web-"));
  [browser, server] = await Promise.all([launch(), startServer()]);
});
after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(folder, { recursive: true });
});

const file = (name, bytes) => {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
};
const notice = (page) => page.getByRole("alert");

test("a file that is no sound is refused, and others are taken all the same", async (t) => {
  const page = await openPage(t, browser, server);
  await drop(page, file("notes.txt", "not a sound"), sample("six-four"), file("empty.wav", ""));
  await notice(page).getByText("notes.txt is not a sound").waitFor();
  assert.match(await notice(page).innerText(), /empty\.wav is empty\./);
  assert.equal(await draftClips(page).count(), 1);
});

test("a sound that the server cannot read: its reason, and the draft stays", async (t) => {
  const page = await openPage(t, browser, server, { expectedErrors: [/status of 4\d\d/] });
  await drop(page, file("broken.wav", "RIFF\x40\0\0\0WAVEfmt nothing of the kind follows here"));
  await draftClips(page).getByText("This browser cannot show the sound").waitFor();
  await question(page).fill("Which digits are spoken?");
  await question(page).press("Enter");
  await notice(page).getByRole("button", { name: "Try again" }).waitFor();
  assert.match(await notice(page).innerText(), /input_audio|sound|audio/i);
  assert.equal(await turns(page).count(), 0);
  assert.equal(await question(page).inputValue(), "Which digits are spoken?");
  assert.match(await draftClips(page).innerText(), /broken\.wav/);

  // The bad sound is taken out, a good one put in.
  await page.getByRole("button", { name: "Remove broken.wav" }).click();
  await page.setInputFiles("#files", sample("six-four"));
  await draftClips(page).waitFor();
  const turn = await ask(page, "Which digits are spoken?");
  assert.equal(await turn.locator(".answer").innerText(), "6 4");
  assert.equal(await notice(page).innerText(), "");
});

test("nothing to ask is said, not sent", async (t) => {
  const page = await openPage(t, browser, server);
  const bodies = chatBodies(page);
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  assert.match(await notice(page).innerText(), /Write a question or add a sound first\./);
  await notice(page).getByRole("button", { name: "Close the message" }).click();
  assert.equal(await notice(page).innerText(), "");
  assert.deepEqual(bodies, []);
});

test("a server that is gone, and comes back", async (t) => {
  let own = await startServer();
  t.after(() => own.stop());
  const page = await openPage(t, browser, own, { expectedErrors: [/ERR_CONNECTION_REFUSED/] });
  await page.setInputFiles("#files", sample("six-four"));
  await draftClips(page).waitFor();
  await own.stop();
  await question(page).fill("Which digits are spoken?");
  await question(page).press("Enter");
  await notice(page).getByText("The server did not answer.").waitFor();
  assert.equal(await draftClips(page).count(), 1);
  await question(page).fill("How many digits are spoken?"); // the draft can be changed before
  own = await startServer({ port: own.port });
  await notice(page).getByRole("button", { name: "Try again" }).click();
  assert.equal(await (await answered(page, 0)).locator(".answer").innerText(), "2");
});

test("a connection that breaks in the middle keeps what had come, and the next question goes without it", async (t) => {
  let own = await startServer({ model: ENDLESS_MODEL });
  t.after(() => own.stop());
  const page = await openPage(t, browser, own, { expectedErrors: [/ERR_|Failed to load/] });
  const bodies = chatBodies(page);
  await question(page).fill("Go on for ever");
  await question(page).press("Enter");
  await page.waitForFunction(() => (document.querySelector(".thought-text")?.textContent ?? "").length > 20);
  await own.stop("SIGKILL");
  const turn = await answered(page, 0);
  assert.match(
    await turn.locator(".turn-note.failed").innerText(),
    /The connection ended before the answer was complete\..*no answer/s,
  );
  assert.ok((await turn.locator(".thought-text").textContent()).length > 20);

  own = await startServer({ port: own.port });
  await ask(page, "Which digits are spoken?");
  assert.deepEqual(bodies[1].messages, [{ role: "user", content: "Which digits are spoken?" }]);
});

test("a server with keys asks for one", async (t) => {
  const own = await startServer({ args: ["--api-key-file", file("keys", "open-sesame\n")] });
  t.after(() => own.stop());
  const page = await openPage(t, browser, own, { expectedErrors: [/status of 401/] });
  await notice(page).getByRole("button", { name: "Enter a key" }).click();
  const field = page.getByLabel("API key");
  assert.ok(await field.evaluate((input) => input === document.activeElement));
  await field.fill("wrong");
  await field.press("Enter");
  await notice(page).getByRole("button", { name: "Enter a key" }).click();
  await field.fill("open-sesame");
  await page.getByRole("button", { name: "Done" }).click();
  await page.locator("#model:not(.absent)").waitFor();
  assert.equal(await notice(page).innerText(), "");
  await page.setInputFiles("#files", sample("six-four"));
  await draftClips(page).waitFor();
  assert.equal(await (await ask(page, "Which digits are spoken?")).locator(".answer").innerText(), "6 4");
  const kept = await page.evaluate(() => [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })]);
  assert.ok(!kept[0].includes("open-sesame") && kept[1].includes("open-sesame"), "kept for the tab only");
});

test("the watch over the page sees what it is there to see", async (t) => {
  const page = await openPage(t, browser, server);
  await page.evaluate(() => document.body.setAttribute("style", "color: red"));
  await page.evaluate(() => fetch("http://127.0.0.1:1/").catch(() => undefined));
  await page.evaluate(() => console.error("a fault"));
  await page.waitForTimeout(200);
  const found = page.offences.splice(0).join("\n");
  for (const offence of ["policy: style-src", "policy: connect-src", "console: a fault"])
    assert.ok(found.includes(offence), found);
});
