// A page under watch: whatever it must never do fails the test that opened it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { required, SOURCE } from "./environment.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
export const CSP = readFileSync(`${SOURCE}/web/csp.txt`, "utf8").trim();
export const sample = (name) => `${SOURCE}/samples/${name}.wav`;

export function launch(args = []) {
  return chromium.launch({ executablePath: required("CHROMIUM"), args });
}

/**
 * Opens the page of `server`. At the end of the test `t` it must have written no error to the console (but for those
 * that match one of `expectedErrors`), broken no rule of the content security policy, and asked no other host.
 */
export async function openPage(t, browser, server, { expectedErrors = [], path = "", ...contextOptions } = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...contextOptions });
  const page = await context.newPage();
  const offences = [];
  page.on("pageerror", (error) => offences.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    const isExpected = expectedErrors.some((pattern) => pattern.test(message.text()));
    if (["error", "warning"].includes(message.type()) && !isExpected) offences.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (!["blob:", "data:"].includes(protocol) && origin !== new URL(server.url).origin)
      offences.push(`request to another host: ${request.url()}`);
  });
  await page.exposeFunction("reportOffence", (offence) => offences.push(offence));
  await page.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (event) =>
      window.reportOffence(`policy: ${event.violatedDirective} blocked ${event.blockedURI}`),
    ),
  );
  t.after(async () => {
    await context.close();
    assert.deepEqual(offences, []);
  });
  const reply = await page.goto(new URL(path, server.url).href);
  assert.equal(reply.headers()["content-security-policy"], CSP, "the policy in web/csp.txt is what the server sends");
  await page.locator("#model:not(:empty)").waitFor();
  page.offences = offences;
  return page;
}

/** Colours are what they become: no transition is under way when they are measured. */
export async function settle(page) {
  await page.evaluate(() =>
    // A transition that is cut short by the next one counts as ended.
    Promise.allSettled(
      document
        .getAnimations()
        .filter((a) => a.effect.getTiming().iterations !== Infinity)
        .map((a) => a.finished),
    ),
  );
}

export async function checkAccessibility(page, where) {
  await settle(page);
  // As a parameter: the policy keeps the page from running it as a script of its own.
  const violations = await page.evaluate(`${AXE}; axe.run(document, { resultTypes: ["violations"] }).then((result) =>
    result.violations.map((v) => v.id + ": " + v.nodes.map((n) => n.target.join(" ") + " " + n.failureSummary).join("; ")))`);
  assert.deepEqual(violations, [], where);
}

/** At any scroll position, nothing lies beside the window. */
export async function checkWidth(page) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window, `the page is ${content} pixels wide in a window of ${window}`);
}

/** As if the file were dragged onto the page. */
export async function drop(page, ...paths) {
  const files = paths.map((path) => ({ name: path.split("/").at(-1), bytes: [...readFileSync(path)] }));
  const transfer = await page.evaluateHandle((given) => {
    const data = new DataTransfer();
    for (const { name, bytes } of given) data.items.add(new File([new Uint8Array(bytes)], name));
    return data;
  }, files);
  await page.dispatchEvent("body", "dragover", { dataTransfer: transfer });
  assert.ok(await page.locator("#drop-target").isVisible());
  await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
  assert.ok(!(await page.locator("#drop-target").isVisible()));
}

export const draftClips = (page) => page.locator("#parts .clip");
export const question = (page) => page.locator("#parts textarea").last();
export const turns = (page) => page.locator(".turn");

/** Asks what is drafted, and waits for the end of the answer. */
export async function ask(page, text) {
  const before = await turns(page).count();
  await question(page).fill(text);
  await page.getByRole("button", { name: "Ask", exact: true }).click();
  return answered(page, before);
}

export async function answered(page, index) {
  const turn = turns(page).nth(index);
  await turn.and(page.locator("[aria-busy=false]")).waitFor();
  return turn;
}

/** The bodies of all requests for an answer from now on. */
export function chatBodies(page) {
  const bodies = [];
  page.on("request", (request) => {
    if (request.url().endsWith("/v1/chat/completions")) bodies.push(request.postDataJSON());
  });
  return bodies;
}
