// For everybody: by keyboard alone, for screen readers, in the light and in the dark, on a phone.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, test } from "node:test";
import {
  answered,
  ask,
  checkAccessibility,
  checkWidth,
  draftClips,
  launch,
  openPage,
  question,
  sample,
  settle,
  turns,
} from "./page.mjs";
import { ENDLESS_MODEL, startServer } from "./server.mjs";

let browser, server;
before(async () => ([browser, server] = await Promise.all([launch(), startServer()])));
after(async () => {
  await browser?.close();
  await server?.stop();
});

const screens = [
  { name: "light", colorScheme: "light" },
  { name: "dark", colorScheme: "dark" },
  {
    name: "phone",
    colorScheme: "light",
    viewport: { width: 360, height: 740 },
    deviceScaleFactor: 2,
    hasTouch: true,
    isMobile: true,
  },
  {
    name: "phone-dark",
    colorScheme: "dark",
    viewport: { width: 360, height: 740 },
    deviceScaleFactor: 2,
    hasTouch: true,
    isMobile: true,
  },
];

// SCREENSHOTS=folder: pictures to look at.
async function picture(page, name) {
  const folder = process.env.SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await settle(page);
  await page.waitForTimeout(400);
  await page.screenshot({ path: `${folder}/${name}.png` });
}

for (const { name, ...screen } of screens) {
  test(`every state of the page can be read (${name})`, async (t) => {
    const page = await openPage(t, browser, server, { ...screen, expectedErrors: [/status of 400/] });
    const check = async (state) => {
      await picture(page, `${name}-${state}`);
      await checkAccessibility(page, `${name}, ${state}`);
      await checkWidth(page);
    };
    await page.locator(".sample").nth(1).waitFor();
    await check("1-welcome");
    await page.setInputFiles("#files", sample("five-zero-nine-two"));
    await draftClips(page).waitFor();
    await check("2-draft");
    const turn = await ask(page, "What is the sum of the digits?");
    await turn.locator(".thought:not(.open)").waitFor();
    await check("3-answer");
    await turn.locator(".thought-head").click();
    await check("4-thought");
    await ask(page, "An_unbroken_word_".repeat(20));
    await check("5-second");
    await page.getByRole("button", { name: /^Settings/ }).click();
    await check("6-settings");
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "New" }).click();
    await page.getByRole("button", { name: "Ask", exact: true }).click();
    await check("7-notice");
  });
}

test("while the model thinks, too", async (t) => {
  const endless = await startServer({ model: ENDLESS_MODEL });
  t.after(() => endless.stop());
  const page = await openPage(t, browser, endless, { viewport: { width: 360, height: 740 } });
  await question(page).fill("Go on");
  await question(page).press("Enter");
  await page.locator(".thought.open").waitFor();
  await checkAccessibility(page, "thinking");
  await checkWidth(page);
  await page.keyboard.press("Escape");
  await answered(page, 0);
});

test("the whole way by keyboard", async (t) => {
  const page = await openPage(t, browser, server);
  await page.locator(".sample").nth(1).waitFor();
  // Tab until an element with this name has the focus; each on the way must show that it has it.
  const tabTo = async (name) => {
    for (let i = 0; i < 40; ++i) {
      await page.keyboard.press("Tab");
      const focus = await page.evaluate(() => {
        const element = document.activeElement;
        const style = getComputedStyle(element);
        const sheet = element.closest(".sheet");
        const shown =
          style.outlineStyle !== "none" ||
          (element.matches("textarea") && sheet !== null && sheet.matches(":focus-within"));
        return { name: element.getAttribute("aria-label") ?? element.textContent.trim(), shown, tag: element.tagName };
      });
      assert.ok(focus.shown || focus.tag === "BODY", `"${focus.name}" does not show that it has the focus`);
      if (focus.name === name) return;
    }
    assert.fail(`Tab does not reach "${name}"`);
  };
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the question");
  await tabTo("Play five-zero-nine-two.wav");
  await tabTo("Which digits are spoken?");
  await page.keyboard.press("Enter");
  const turn = await answered(page, 0);
  assert.equal(await turn.locator(".answer").innerText(), "5 0 9 2");

  await page.evaluate(() => document.activeElement.blur());
  await tabTo("Your question");
  await page.keyboard.type("What is the sum");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("of the digits?");
  assert.equal(await question(page).inputValue(), "What is the sum\nof the digits?");
  await page.keyboard.press("Enter");
  await answered(page, 1);
  assert.ok(
    await question(page).evaluate((field) => field === document.activeElement),
    "the focus stays where one writes",
  );

  // Unfold the thought, open and close the settings; the focus comes back.
  await turn.locator(".thought:not(.open)").waitFor();
  await turn.locator(".thought-head").focus();
  await page.keyboard.press("Enter");
  assert.equal(await turn.locator(".thought-head").getAttribute("aria-expanded"), "true");
  await page.keyboard.press("Space");
  assert.equal(await turn.locator(".thought-head").getAttribute("aria-expanded"), "false");
  await page.locator("#open-settings").focus();
  await page.keyboard.press("Enter");
  assert.ok(await page.locator("#settings").isVisible());
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.id), "open-settings");

  // Removing what has the focus does not lose it.
  await page.setInputFiles("#files", sample("six-four"));
  await draftClips(page).waitFor();
  await page.getByRole("button", { name: "Remove six-four.wav" }).focus();
  await page.keyboard.press("Enter");
  assert.ok(await question(page).evaluate((field) => field === document.activeElement));
});

test("colours follow the system, until they are chosen", async (t) => {
  const page = await openPage(t, browser, server, { colorScheme: "dark" });
  const isDark = () =>
    page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor === "rgb(14, 19, 18)");
  const button = page.getByRole("button", { name: /^Colours/ });
  assert.equal(await isDark(), true);
  await page.emulateMedia({ colorScheme: "light" });
  assert.equal(await isDark(), false);
  await button.click(); // light
  await button.click(); // dark
  assert.equal(await button.getAttribute("aria-label"), "Colours: dark");
  assert.equal(await isDark(), true);
  await page.reload();
  await page.locator("#model:not(:empty)").waitFor();
  assert.equal(await isDark(), true, "kept");
  await button.click();
  assert.equal(await isDark(), false, "as the system again");
});

test("nothing moves for those who want no motion", async (t) => {
  const endless = await startServer({ model: ENDLESS_MODEL });
  t.after(() => endless.stop());
  const page = await openPage(t, browser, endless, { reducedMotion: "reduce" });
  await question(page).fill("Go on");
  await question(page).press("Enter");
  await page.locator(".thought.open").waitFor();
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  await page.emulateMedia({ reducedMotion: "no-preference" });
  assert.ok((await page.evaluate(() => document.getAnimations().length)) > 0, "and something does for others");
  await page.keyboard.press("Escape");
  await answered(page, 0);
  assert.equal(await turns(page).count(), 1);
});
