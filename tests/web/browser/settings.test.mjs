// What can be chosen for all questions, and that it is kept.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ask, chatBodies, draftClips, launch, openPage, sample } from "./page.mjs";
import { startServer } from "./server.mjs";

let browser, server;
before(async () => ([browser, server] = await Promise.all([launch(), startServer()])));
after(async () => {
  await browser?.close();
  await server?.stop();
});

const open = (page) => page.getByRole("button", { name: /^Settings/ }).click();

test("settings are sent, and are there after a reload", async (t) => {
  const page = await openPage(t, browser, server);
  const bodies = chatBodies(page);
  await open(page);
  const values = {
    Temperature: "0",
    "Top p": "0.9",
    "Top k": "40",
    Seed: "7",
    "Thinking budget": "3",
    "Token limit": "30",
  };
  for (const [label, value] of Object.entries(values)) await page.getByLabel(label, { exact: true }).fill(value);
  await page.getByLabel("System prompt").fill("Be brief.");
  await page.getByLabel("Reasoning effort").selectOption("low");
  await page.getByRole("button", { name: "Done" }).click();
  await page.reload();
  await page.locator("#model:not(:empty)").waitFor();
  await page.getByRole("button", { name: "Settings, 8 changed" }).waitFor();

  await ask(page, "Hello?");
  const { messages, model, ...rest } = bodies[0];
  assert.deepEqual(messages[0], { role: "system", content: "Be brief." });
  assert.deepEqual(rest, {
    temperature: 0,
    top_p: 0.9,
    top_k: 40,
    seed: 7,
    thinking_budget: 3,
    max_completion_tokens: 30,
    reasoning_effort: "low",
    stream: true,
    stream_options: { include_usage: true },
  });
  assert.ok(model.length > 0);

  await open(page);
  await page.getByRole("button", { name: "Reset" }).click();
  await page.getByRole("button", { name: "Done" }).click();
  await ask(page, "And now?");
  assert.deepEqual(Object.keys(bodies[1]).sort(), ["messages", "model", "stream", "stream_options"]);
});

test("no thinking, where none is wanted", async (t) => {
  const page = await openPage(t, browser, server);
  await open(page);
  await page.getByLabel("Thinking budget").fill("0");
  await page.keyboard.press("Escape");
  await page.setInputFiles("#files", sample("six-four"));
  await draftClips(page).waitFor();
  const turn = await ask(page, "Which digits are spoken?");
  assert.ok(await turn.locator(".thought").isHidden());
  assert.equal(await turn.locator(".answer").innerText(), "6 4");
});

test("a number out of range is said, and not taken", async (t) => {
  const page = await openPage(t, browser, server);
  await open(page);
  const field = page.getByLabel("Temperature");
  await field.fill("9");
  assert.equal(await field.getAttribute("aria-invalid"), "true");
  await page.getByText("Expected 0 to 2").waitFor();
  await page.getByRole("button", { name: "Done" }).click();
  assert.ok(await field.evaluate((input) => input === document.activeElement), "Done leads back to it");
  await page.getByRole("button", { name: "Close the settings" }).click();
  await page.getByRole("button", { name: "Settings", exact: true }).waitFor(); // nothing was changed
});

test("the limit of tokens is said where it cut the answer", async (t) => {
  const page = await openPage(t, browser, server);
  await open(page);
  await page.getByLabel("Token limit").fill("4");
  await page.getByRole("button", { name: "Done" }).click();
  await page.setInputFiles("#files", sample("six-four"));
  await draftClips(page).waitFor();
  const turn = await ask(page, "Which digits are spoken?");
  assert.match(await turn.locator(".turn-note").innerText(), /limit of tokens/);
});
