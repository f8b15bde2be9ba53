// What the page is about, how it went, and what is not there.

import { icon } from "../../../src/ui/icons";
import { count, DOT } from "../../../src/format";
import { el } from "../../../src/ui/dom";
import type { Figure, Report, Run } from "../data";
import { different } from "../filter";
import { plain, withUnit, workingTime } from "../numbers";
import { armsOf, type Arm } from "../series";

const STAGES: Record<string, string> = {
  sft: "Supervised fine-tuning",
  rl: "Reinforcement learning",
  mgrd: "Modality-grounded reasoning distillation",
  dpo: "Preference optimization",
};

export function showSummary(report: Report, place: HTMLElement): void {
  const [only] = report.runs;
  const one = report.runs.length === 1 && only ? only : null;
  place.append(
    el("h1", {}, report.title),
    el("p", { class: "lead" }, ...apart([...(one ? facts(one) : [several(report.runs)]), `made ${report.made}`])),
    missing(report.runs) ?? "",
    one ? tiles(one.figures) : table(report),
    ...report.runs.map((run) => selection(run, report.runs.length > 1)),
    ...papers(report.runs),
  );
}

// A text may turn the direction of writing; it does not turn that of its neighbours.
function apart(texts: string[]): (Node | string)[] {
  return texts.flatMap((text, i) => (i === 0 ? [el("bdi", {}, text)] : [DOT, el("bdi", {}, text)]));
}

function facts(run: Run): string[] {
  const facts = [STAGES[run.stage] ?? (run.stage || "A run")];
  if (run.title && run.title !== run.name) facts.push(`recipe ${run.title}`);
  if (run.last_step > 0) facts.push(steps(run));
  if (run.working_time_s !== null) facts.push(workingTime(run.working_time_s));
  return facts;
}

function steps(run: Run): string {
  const word = run.stage === "rl" ? "iterations" : "steps";
  return run.wanted_steps > 0
    ? `${plain(run.last_step)} of ${plain(run.wanted_steps)} ${word}`
    : `${plain(run.last_step)} ${word}`;
}

function several(runs: Run[]): string {
  const stages = [...new Set(runs.map((run) => STAGES[run.stage] ?? run.stage))].filter((stage) => stage !== "");
  return [count(runs.length, "run"), ...stages].join(DOT);
}

function missing(runs: Run[]): HTMLElement | null {
  const items = runs.flatMap((run) =>
    run.missing.map((what) => el("li", {}, runs.length > 1 ? el("strong", {}, `${run.name}: `) : null, what)),
  );
  if (items.length === 0) return null;
  const list = el("ul", {}, ...items);
  const head = el("h2", {}, icon("warning"), "What this page could not show");
  return el("section", { class: "missing", "aria-label": "What is missing" }, head, list);
}

function tiles(figures: Figure[]): HTMLElement {
  const items = figures.slice(0, 6).map((figure) => {
    const change = figure.first === figure.last ? "" : `from ${withUnit(figure.first, figure.unit)}`;
    return el(
      "div",
      { class: "tile" },
      el("dt", {}, figure.label),
      el("dd", {}, el("b", {}, withUnit(figure.last, figure.unit)), el("small", {}, change)),
    );
  });
  return el("dl", { class: "tiles" }, ...items);
}

// Rows are runs; those that differ by their seed alone get a row of their means.
function table(report: Report): HTMLElement {
  const arms = armsOf(report.runs);
  const labels = [...new Set(report.runs.flatMap((run) => run.figures.map((figure) => figure.label)))].slice(0, 12);
  const head = el("tr", {}, ...["Run", "Steps", "Time", ...labels].map((text) => el("th", { scope: "col" }, text)));
  const rows = arms.flatMap((arm) => {
    const of = arm.runs.map((run) => row(run, labels, arm.runs.length > 1));
    return arm.runs.length > 1 ? [meanRow(arm, labels), ...of] : of;
  });
  const scroller = el(
    "div",
    { class: "table-scroller", tabindex: "0", role: "region", "aria-label": "All runs in numbers" },
    el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)),
  );
  return scroller;
}

function row(run: Run, labels: string[], isSeed: boolean): HTMLElement {
  const figure = (label: string) => run.figures.find((known) => known.label === label);
  return el(
    "tr",
    isSeed ? { class: "seed" } : {},
    el("th", { scope: "row" }, run.name),
    el("td", {}, run.wanted_steps > 0 ? `${plain(run.last_step)} / ${plain(run.wanted_steps)}` : plain(run.last_step)),
    el("td", {}, run.working_time_s === null ? "–" : workingTime(run.working_time_s)),
    ...labels.map((label) => {
      const found = figure(label);
      return el("td", {}, found ? withUnit(found.last, found.unit) : "–");
    }),
  );
}

function meanRow(arm: Arm, labels: string[]): HTMLElement {
  const cells = labels.map((label) => {
    const known = arm.runs.flatMap((run) => run.figures.find((figure) => figure.label === label) ?? []);
    const [first] = known;
    if (!first) return el("td", {}, "–");
    const values = known.map((figure) => figure.last);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const range = `${withUnit(Math.min(...values), first.unit)} to ${withUnit(Math.max(...values), first.unit)}`;
    return el("td", {}, el("b", {}, withUnit(mean, first.unit)), el("small", {}, range));
  });
  const name = el("th", { scope: "row" }, arm.name, el("small", {}, `mean of ${arm.runs.length} seeds`));
  return el("tr", { class: "mean" }, name, el("td"), el("td"), ...cells);
}

function selection(run: Run, named: boolean): HTMLElement | string {
  if (!run.selection) return "";
  const counts = run.selection.prompts_by_right;
  const most = Math.max(...counts, 1);
  const all = counts.reduce((sum, n) => sum + n, 0);
  const bars = counts.map((n, right) => {
    const bar = el("span", { class: "bar", "aria-hidden": "true" });
    bar.style.height = `${(100 * n) / most}%`;
    return el(
      "li",
      {},
      el("span", { class: "bar-count" }, plain(n)),
      bar,
      el("span", { class: "bar-name" }, String(right)),
    );
  });
  const title = `How often prompts were answered right, of ${counts.length - 1} tries`;
  return el(
    "section",
    { class: "selection" },
    el("h2", {}, named ? `${run.name}: ${title.toLowerCase()}` : title),
    el("p", { class: "about" }, `${count(all, "prompt")} tried out, ${plain(run.selection.kept)} kept to train on.`),
    el(
      "ol",
      { class: "bars", "aria-label": `Prompts by number of right answers, from 0 to ${counts.length - 1}` },
      ...bars,
    ),
  );
}

// The recipes, and manifests where there are any, folded; of several runs in one fold, the same text once.
function papers(runs: Run[]): HTMLElement[] {
  const kinds = [
    { title: "Recipe", many: "Recipes", text: (run: Run) => run.recipe },
    { title: "Manifest", many: "Manifests", text: (run: Run) => run.manifest },
  ];
  return kinds.flatMap(({ title, many, text }) => {
    const texts = different(runs.map(text)).filter((known) => known !== "");
    if (texts.length === 0) return [];
    const pages = texts.flatMap((known) => {
      const names = runs.filter((run) => text(run) === known).map((run) => run.name);
      const label = `${title} of ${names.join(", ")}`;
      const page = el("pre", { tabindex: "0", role: "region", "aria-label": label }, known);
      return runs.length > 1 ? [el("h2", {}, names.join(", ")), page] : [page];
    });
    return [el("details", { class: "paper" }, el("summary", {}, texts.length > 1 ? many : title), ...pages)];
  });
}
