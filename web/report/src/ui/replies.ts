// completions.jsonl: replies by step, filtered.

import { count, DOT } from "../../../src/format";
import { el } from "../../../src/ui/dom";
import type { Report, Run, Sample } from "../data";
import { different, EVERYTHING, matches, verdict, type Filter } from "../filter";
import { plain, withUnit } from "../numbers";

const SHOWN_AT_ONCE = 12;

export function showReplies(report: Report, place: HTMLElement): boolean {
  const runs = report.runs.filter((run) => run.samples.chosen.length > 0);
  const [first] = runs;
  if (!first) return false;
  new Browser(runs, place).showRun(first);
  return true;
}

class Browser {
  private filter: Filter = { ...EVERYTHING };
  private run: Run | null = null;
  private found: Sample[] = [];
  private shown = 0;
  private readonly about = el("p", { class: "about" });
  private readonly status = el("p", { class: "about", role: "status" });
  private readonly list = el("div", { class: "replies" });
  private readonly more = el("button", { type: "button", class: "chip" }, "Show more");
  private readonly steps = el("select", {});
  private readonly tasks = el("select", {});

  constructor(runs: Run[], place: HTMLElement) {
    const form = el("form", { class: "filters", role: "search", "aria-label": "Replies" });
    form.addEventListener("submit", (event) => event.preventDefault());
    if (runs.length > 1) form.append(labelled("Run", this.runChoice(runs)));
    this.steps.addEventListener("change", () =>
      this.set({ step: this.steps.value === "" ? null : Number(this.steps.value) }),
    );
    this.tasks.addEventListener("change", () => this.set({ task: this.tasks.value === "" ? null : this.tasks.value }));
    const words = el("input", { type: "search", placeholder: "Words in the reply", spellcheck: "false" });
    words.addEventListener("input", () => this.set({ words: words.value }));
    form.append(
      labelled("Step", this.steps),
      labelled("Task", this.tasks),
      labelled("Which", this.verdictChoice()),
      labelled("Search", words),
    );
    this.more.addEventListener("click", () => this.grow()?.focus());
    place.append(this.about, form, this.status, this.list, this.more);
  }

  showRun(run: Run): void {
    this.run = run;
    const { chosen, in_file: all } = run.samples;
    this.about.textContent =
      chosen.length < all
        ? `${plain(chosen.length)} of the ${count(all, "reply", "replies")} in completions.jsonl are on this page, as many of each step.`
        : "";
    this.about.hidden = this.about.textContent === "";
    this.steps.replaceChildren(
      option("all", ""),
      ...different(chosen.map((s) => s.step)).map((s) => option(plain(s), String(s))),
    );
    const tasks = different(chosen.map((sample) => sample.task)).filter((task) => task !== "");
    this.tasks.replaceChildren(option("all", ""), ...tasks.sort().map((task) => option(task, task)));
    this.set({ step: null, task: null });
  }

  private runChoice(runs: Run[]): HTMLSelectElement {
    const select = el("select", {}, ...runs.map((run, i) => option(run.name, String(i))));
    select.addEventListener("change", () => this.showRun(runs[Number(select.value)]!));
    return select;
  }

  private verdictChoice(): HTMLSelectElement {
    const choices = [option("all", "all"), option("right", "right"), option("wrong", "wrong"), option("cut", "cut")];
    const select = el("select", {}, ...choices);
    select.addEventListener("change", () => this.set({ verdict: select.value as Filter["verdict"] }));
    return select;
  }

  private set(change: Partial<Filter>): void {
    this.filter = { ...this.filter, ...change };
    // The latest first: what the model says now.
    this.found = this.run!.samples.chosen.filter((sample) => matches(sample, this.filter)).reverse();
    this.shown = 0;
    this.list.replaceChildren();
    this.status.textContent =
      this.found.length === 0 ? "No reply is like that." : count(this.found.length, "reply", "replies");
    this.grow();
  }

  private grow(): HTMLElement | undefined {
    const next = this.found.slice(this.shown, this.shown + SHOWN_AT_ONCE).map(card);
    this.list.append(...next);
    this.shown += next.length;
    this.more.hidden = this.shown >= this.found.length;
    return next[0];
  }
}

function card(sample: Sample): HTMLElement {
  const judged = verdict(sample);
  const badge = judged === "right" ? "badge-right" : judged === "not judged" ? "badge-none" : "badge-wrong";
  const parts = Object.entries(sample.parts).map(([name, value]) => `${name} ${plain(value)}`);
  const facts = [
    sample.reward === null ? "" : `reward ${plain(sample.reward)}${parts.length > 1 ? ` (${parts.join(", ")})` : ""}`,
    `${withUnit(sample.tokens, "tokens")} tokens`,
    sample.stop === "length" ? "cut" : "",
  ];
  return el(
    "article",
    { class: "reply", tabindex: "-1" },
    el(
      "header",
      {},
      el("span", { class: "reply-step" }, `step ${plain(sample.step)}`),
      el("span", { class: badge }, judged),
      el("span", { class: "reply-id" }, sample.id),
    ),
    el("h3", { class: "reply-prompt" }, ...withClips(sample.prompt)),
    el("p", { class: "thought-text" }, sample.thinking || "(no thought)"),
    el(
      "p",
      { class: "answer-text" },
      sample.closed ? sample.answer || "(no answer)" : "(the thought did not end)",
      judged !== "right" && sample.expected ? el("span", { class: "instead" }, `expected: ${sample.expected}`) : null,
    ),
    el("footer", {}, facts.filter((fact) => fact !== "").join(DOT)),
  );
}

// <audio> stands for a clip in the prompt's text.
function withClips(prompt: string): (Node | string)[] {
  return prompt
    .split("<audio>")
    .flatMap((text, i) => (i === 0 ? [text] : [el("span", { class: "clip-mark" }, "sound"), text]));
}

function option(text: string, value: string): HTMLOptionElement {
  return el("option", { value }, text);
}

function labelled(text: string, field: HTMLElement): HTMLElement {
  return el("label", {}, el("span", {}, text), field);
}
