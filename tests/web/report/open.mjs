// A report under watch, opened as a file: whatever it must never do fails the test that opened it.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { launch } from "../browser/page.mjs";

export const RUNS = process.env.RUNS;
const SCREENSHOTS = process.env.SCREENSHOTS;

// The sandbox of Chromium needs what containers seldom give.
export const launchBrowser = () => launch(process.getuid?.() === 0 ? ["--no-sandbox"] : []);

export async function openReport(t, browser, name, contextOptions = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...contextOptions });
  const page = await context.newPage();
  const offences = [];
  page.on("pageerror", (error) => offences.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) offences.push(`console: ${message.text()}`);
  });
  const url = `file://${RUNS}/${name}`;
  page.on("request", (request) => {
    if (!request.url().startsWith("data:") && request.url() !== url) offences.push(`request: ${request.url()}`);
  });
  page.on("dialog", (dialog) => {
    offences.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  t.after(async () => {
    await context.close();
    assert.deepEqual(offences, []);
  });
  await page.goto(url);
  await page.locator("#summary h1").waitFor();
  await page.evaluate(() => document.fonts.ready);
  return page;
}

export async function picture(page, name) {
  if (!SCREENSHOTS) return;
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: `${SCREENSHOTS}/report-${name}.png`, fullPage: true });
}

/** How many pixels of a plot have a colour: lines, not grid and numbers, which are grey. */
export function colouredPixels(plot) {
  return plot.locator("canvas").evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b, a] = data.slice(i, i + 4);
      if (a > 100 && Math.max(r, g, b) - Math.min(r, g, b) > 30) ++count;
    }
    return count;
  });
}
