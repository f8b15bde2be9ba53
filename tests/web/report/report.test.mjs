// Reports of real runs, and of one that is hostile.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { checkAccessibility, checkWidth } from "../browser/page.mjs";
import { colouredPixels, launchBrowser, openReport, picture, RUNS } from "./open.mjs";

let browser;
before(async () => (browser = await launchBrowser()));
after(() => browser.close());

const plot = (page, title) =>
  page.locator("figure.plot").filter({ has: page.getByRole("heading", { name: title, exact: true }) });
const csv = (path) => {
  const [names, ...rows] = readFileSync(`${RUNS}/${path}`, "utf8").trim().split("\n");
  return rows.map((row) => Object.fromEntries(row.split(",").map((cell, i) => [names.split(",")[i], cell])));
};

const LOOKS = {
  light: { colorScheme: "light" },
  dark: { colorScheme: "dark" },
  phone: { colorScheme: "dark", viewport: { width: 360, height: 740 } },
};
// Every kind of part stands in one of the last two, but for what only a killed run shows.
const PAGES = {
  "sft/report.html": ["light"],
  "killed.html": ["phone"],
  "rl.html": ["dark"],
  "compare.html": Object.keys(LOOKS),
  "hostile.html": Object.keys(LOOKS),
};
for (const [name, looks] of Object.entries(PAGES)) {
  for (const look of looks) {
    test(`${name}, ${look}: accessible, as wide as the window, all curves drawn`, async (t) => {
      const page = await openReport(t, browser, name, LOOKS[look]);
      await checkAccessibility(page, `${name}, ${look}`);
      await checkWidth(page);
      const plots = page.locator("figure.plot");
      assert.ok((await plots.count()) > 0);
      for (const one of await plots.all())
        assert.ok((await colouredPixels(one)) > 20, `${await one.locator("h3").innerText()} is not drawn`);
      await picture(page, `${name.replace("/report.html", "").replace(".html", "")}-${look}`);
    });
  }
}

test("every column of the run stands in a plot, with its last number", async (t) => {
  const page = await openReport(t, browser, "sft/report.html");
  const last = csv("sft/train.csv").at(-1);
  const held = csv("sft/test.csv").at(-1);
  const loss = plot(page, "Loss of the text");
  const shown = await loss.locator(".plot-value").allInnerTexts();
  assert.equal(shown.length, 2);
  for (const [i, value] of [last.text_loss, held.text_loss].entries())
    assert.ok(Math.abs(Number(shown[i]) - Number(value)) <= Number(value) * 1e-3, `${shown[i]} is not ${value}`);
  const data = JSON.parse(await page.locator("#data").innerText().catch(() => page.locator("#data").textContent()));
  const placed = data.groups.flatMap((group) => group.plots.flatMap((p) => p.lines.map((l) => `${l.log}/${l.column}`)));
  const columns = ["train", "test"].flatMap((log) =>
    Object.keys(csv(`sft/${log}.csv`)[0])
      .filter((name) => name !== "step")
      .map((name) => `${log}/${name}`),
  );
  assert.deepEqual(placed.toSorted(), columns.toSorted());
});

test("pointer and keys read the values of a step, in all plots", async (t) => {
  const page = await openReport(t, browser, "rl.html");
  const reward = plot(page, "Reward");
  await reward.scrollIntoViewIfNeeded();
  const rows = csv("rl-seed1/metrics.csv");
  const box = await reward.locator(".u-over").boundingBox();
  await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2); // steps 0 to 5
  assert.equal(await reward.locator(".plot-step").innerText(), "step 3");
  assert.equal(await plot(page, "Entropy").locator(".plot-step").innerText(), "step 3", "all plots show the same step");
  const shown = Number(await reward.locator(".plot-value").first().innerText());
  assert.ok(Math.abs(shown - Number(rows[2].reward)) < 1e-3);
  await page.mouse.move(1, 1);

  const entropy = plot(page, "Entropy");
  await entropy.getByRole("img").focus();
  await page.keyboard.press("End");
  assert.equal(await entropy.locator(".plot-step").innerText(), "step 5");
  await page.keyboard.press("ArrowLeft");
  assert.equal(await entropy.locator(".plot-step").innerText(), "step 4");
  assert.match(await entropy.locator("[aria-live]").innerText(), /^step 4: training 0?\.?\d/);
  await page.keyboard.press("Escape");
  assert.equal(await entropy.locator(".plot-step").innerText(), "");
});

const image = (one) => one.locator("canvas").evaluate((canvas) => canvas.toDataURL());
/** Drawing waits for the next frame, and colours for the browser's word. */
async function until(condition, message) {
  for (let tries = 0; tries < 100; ++tries) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(message);
}

test("smoothing, logarithmic scale and hiding a line change what is drawn", async (t) => {
  const page = await openReport(t, browser, "rl.html");
  const length = plot(page, "Length of a reply");
  const raw = await image(length);
  await page.getByLabel("Smoothing").focus();
  for (let i = 0; i < 30; ++i) await page.keyboard.press("ArrowRight");
  assert.equal(await page.locator("output").innerText(), "0.60");
  await until(async () => (await image(length)) !== raw, "smoothing changes nothing");
  await page.keyboard.press("Home");
  await until(async () => (await image(length)) === raw, "and back");

  const line = length.getByRole("button", { name: /^mean/ });
  await line.click();
  assert.equal(await line.getAttribute("aria-pressed"), "false");
  await until(async () => (await image(length)) !== raw, "the line is still there");

  const norm = plot(page, "Gradient norm of the critic");
  const scale = norm.getByRole("button", { name: "log scale of Gradient norm of the critic" });
  assert.equal(await scale.getAttribute("aria-pressed"), "true");
  const logarithmic = await image(norm);
  await scale.click();
  await until(async () => (await image(norm)) !== logarithmic, "the scale is still logarithmic");
});

test("colours follow the system, and the button", async (t) => {
  const page = await openReport(t, browser, "sft/report.html", { colorScheme: "light" });
  const loss = plot(page, "Loss of the text");
  const light = await image(loss);
  await page.emulateMedia({ colorScheme: "dark" });
  await until(async () => (await image(loss)) !== light, "the canvas is not dark");
  await page.getByRole("button", { name: /^Colours/ }).click();
  await until(async () => (await image(loss)) === light, "the canvas is not light again");
});

test("several runs: seeds are one line with a band, stages have plots of their own", async (t) => {
  const page = await openReport(t, browser, "compare.html");
  assert.equal(await page.locator("h1").innerText(), "Two stages");
  assert.equal(await page.title(), "Two stages");
  const reward = plot(page, "Reward: training");
  assert.deepEqual(await reward.locator(".plot-label").allInnerTexts(), ["rl"]);
  const mean = page.getByRole("row", { name: /^rl mean of 2 seeds/ });
  assert.equal(await mean.count(), 1);
  await reward.scrollIntoViewIfNeeded();
  await reward.getByRole("img").focus();
  await page.keyboard.press("Home");
  const of = ["rl-seed1", "rl-seed2"].map((run) => Number(csv(`${run}/metrics.csv`)[0].reward));
  const [, middle] = /^([\d.]+)( \(|$)/.exec(await reward.locator(".plot-value").innerText());
  assert.ok(Math.abs(Number(middle) - (of[0] + of[1]) / 2) < 1e-3);
  assert.equal(await page.getByRole("heading", { name: "sft: Loss" }).count(), 1);
});

test("a run that was killed: the page says what is missing", async (t) => {
  const page = await openReport(t, browser, "killed.html");
  const missing = await page.locator(".missing").innerText();
  for (const words of ["train.csv: the last line is cut", "completions.jsonl: the last line is cut", "No evaluation yet", "step 8 of 80"])
    assert.ok(missing.includes(words), `no "${words}" in: ${missing}`);
});

test("replies: filtered by step, task, verdict and words", async (t) => {
  const page = await openReport(t, browser, "hostile.html");
  const replies = page.locator("#replies");
  const count = () => replies.locator("[role=status]").innerText();
  assert.equal(await count(), "40 replies");
  assert.equal(await page.locator(".reply").count(), 12);
  await page.getByRole("button", { name: "Show more" }).last().click();
  assert.equal(await page.locator(".reply").count(), 24);
  await replies.getByLabel("Step").selectOption("2");
  assert.equal(await count(), "10 replies");
  await replies.getByLabel("Task").selectOption("sum");
  assert.equal(await count(), "5 replies");
  await replies.getByLabel("Which").selectOption("right");
  const right = Number((await count()).split(" ")[0]);
  assert.ok(right > 0 && right < 5);
  await replies.getByLabel("Which").selectOption("all");
  await replies.getByLabel("Search").fill("NUMBER 13");
  assert.equal(await count(), "1 reply");
  await replies.getByLabel("Search").fill("nothing like that");
  assert.equal(await count(), "No reply is like that.");
});

test("hostile texts stay texts", async (t) => {
  const page = await openReport(t, browser, "hostile.html");
  assert.notEqual(await page.title(), "broken");
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.equal(await page.locator("script").count(), 2);
  assert.ok((await page.locator(".reply .thought-text").first().innerText()).includes('<img src=x onerror="'));
  assert.ok((await page.locator(".paper pre").first().textContent()).includes("</script>"));
});

test("the funnel and the thoughts of MGRD", async (t) => {
  const page = await openReport(t, browser, "hostile.html");
  const first = page.locator(".funnel").first();
  const counts = await first.locator(".funnel-count").allInnerTexts();
  assert.equal(counts[0], "512");
  assert.equal(counts.at(-1), "173"); // 194 kept, less 20 duplicates and 1
  const widths = await first.locator(".funnel-left").evaluateAll((bars) => bars.map((bar) => bar.getBoundingClientRect().width));
  assert.ok(widths.every((width, i) => i === 0 || width <= widths[i - 1] + 0.5) && widths.at(-1) > 0);

  const example = page.locator(".example").first();
  for (const [verdict, text] of [["true", "First I hear 6"], ["false", "second 4"], ["uncheckable", "6 + 4"]]) {
    const mark = example.locator(`mark[data-verdict=${verdict}]`);
    assert.ok((await mark.textContent()).startsWith(`${text} (${verdict}`));
  }
  const audio = example.locator("audio");
  await audio.evaluate((player) => player.play());
  await page.waitForFunction(() => document.querySelector("audio").currentTime > 0.1);
  assert.equal(await page.locator(".example").nth(2).locator("audio").count(), 0, "a recipe is no sound");
  await page.getByRole("button", { name: "Show more" }).first().click();
  assert.equal(await page.locator(".example").count(), 5);
});

test("all can be reached by the keyboard, and the focus is seen", async (t) => {
  const page = await openReport(t, browser, "rl.html");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the summary");
  const reached = new Set();
  for (let i = 0; i < 400; ++i) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluate(() => {
      const element = document.activeElement;
      const style = getComputedStyle(element);
      return { what: element.className || element.tagName, seen: style.outlineStyle !== "none" && style.outlineWidth !== "0px" };
    });
    if (focus.what === "BODY") break;
    assert.ok(focus.seen, `${focus.what} does not show that it has the focus`);
    reached.add(focus.what);
  }
  for (const what of ["A", "plot-frame", "SELECT", "SUMMARY"]) assert.ok(reached.has(what), `Tab does not reach ${what}`);
});
