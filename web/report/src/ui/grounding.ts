// MGRD: what its filter dropped, and thoughts before and after it beside the sound that they are about.

import { count } from "../../../src/format";
import { el } from "../../../src/ui/dom";
import type { Example, Funnel, Report, Thought } from "../data";
import { plain } from "../numbers";

// As FilterStage in src/reward/grounding_report.h names them.
const STAGES: Record<string, string> = {
  whole: "cut, or no answer",
  reasoning: "no reasoning",
  hears: "says it cannot hear",
  right: "wrong answer",
  "names-sound": "names nothing heard",
  "no-text": "leans on text",
  "true-claims": "claims are false",
  coherent: "steps do not follow",
  judged: "the judge says no",
};

const SHOWN_AT_ONCE = 4;

export function showFunnels(report: Report, place: HTMLElement): boolean {
  const runs = report.runs.filter((run) => run.funnels.length > 0);
  for (const run of runs) {
    if (runs.length > 1) place.append(el("h3", {}, run.name));
    place.append(el("div", { class: "funnels" }, ...run.funnels.map(funnel)));
  }
  return runs.length > 0;
}

function funnel(of: Funnel): HTMLElement {
  let left = of.replies;
  const share = (n: number) => `${of.replies === 0 ? 0 : (100 * n) / of.replies}%`;
  const step = (label: string, dropped: number | null) => {
    if (dropped !== null) left -= dropped;
    const kept = el("span", { class: "funnel-left" });
    kept.style.width = share(left);
    const gone = el("span", { class: "funnel-gone" });
    gone.style.width = share(dropped ?? 0);
    return el(
      "li",
      {},
      el("span", { class: "funnel-name" }, label),
      el("span", { class: "funnel-drop" }, dropped === null ? "" : dropped === 0 ? "0" : `−${plain(dropped)}`),
      el("span", { class: "funnel-bar", "aria-hidden": "true" }, kept, gone),
      el("span", { class: "funnel-count" }, plain(left)),
    );
  };
  const claims = of.claims.true + of.claims.false + of.claims.uncheckable;
  return el(
    "section",
    { class: "funnel" },
    el("h3", {}, `Round ${of.round}`),
    el("p", { class: "about" }, `${count(of.kept, "reply", "replies")} of ${plain(of.replies)} kept`),
    el(
      "ol",
      {},
      step("replies", null),
      ...of.dropped.map(({ stage, count: n }) => step(STAGES[stage] ?? stage.replaceAll("_", " "), n)),
    ),
    el(
      "p",
      { class: "about" },
      `Of ${count(claims, "claim")} about the sound ${plain(of.claims.true)} are true, ${plain(of.claims.false)} false and ` +
        `${plain(of.claims.uncheckable)} cannot be checked. ${count(of.surrogates, "reply leans", "replies lean")} on text that is not there.`,
    ),
  );
}

export function showExamples(report: Report, place: HTMLElement): boolean {
  const examples = report.runs.flatMap((run) =>
    run.examples.map((example) => ({ example, run: report.runs.length > 1 ? run.name : "" })),
  );
  if (examples.length === 0) return false;
  const list = el("div", { class: "examples" });
  const more = el("button", { type: "button", class: "chip" }, "Show more");
  let shown = 0;
  const grow = () => {
    const next = examples.slice(shown, shown + SHOWN_AT_ONCE).map(({ example, run }) => card(example, run));
    list.append(...next);
    shown += next.length;
    more.hidden = shown >= examples.length;
    return next[0];
  };
  more.addEventListener("click", () => grow()?.focus());
  grow();
  const legend = el(
    "p",
    { class: "about verdicts" },
    "Claims: ",
    ...(["true", "false", "uncheckable"] as const).map((verdict) => el("mark", { "data-verdict": verdict }, verdict)),
  );
  place.append(legend, list, more);
  return true;
}

function card(example: Example, run: string): HTMLElement {
  const about = [run, `round ${example.round}`, example.task].filter((text) => text !== "").join(" · ");
  return el(
    "article",
    { class: "example", tabindex: "-1" },
    el("header", {}, el("h3", {}, example.question), el("p", { class: "about" }, about)),
    player(example),
    example.expected ? el("p", { class: "expected" }, "Right answer: ", el("b", {}, example.expected)) : null,
    el("div", { class: "sides" }, side("Before", example.before), side("After", example.after)),
  );
}

function player(example: Example): HTMLElement | null {
  const { clip } = example;
  if (!clip) return null;
  if (clip.data) return el("audio", { controls: true, preload: "metadata", src: clip.data, "aria-label": clip.name });
  const link = clip.link ? el("a", { href: clip.link }, clip.name) : clip.name;
  return el("p", { class: "about" }, link, clip.note ? ` (${clip.note})` : "");
}

function side(title: string, thought: Thought): HTMLElement {
  const pieces = thought.thinking.map(({ text, verdict, reason }) => {
    if (!verdict) return text;
    const mark = el("mark", { "data-verdict": verdict, title: reason }, text);
    mark.append(el("span", { class: "visually-hidden" }, ` (${verdict}${reason ? `: ${reason}` : ""})`));
    return mark;
  });
  const fate =
    thought.stage === ""
      ? null
      : thought.stage === "kept"
        ? "kept"
        : `dropped: ${STAGES[thought.stage] ?? thought.stage}`;
  return el(
    "section",
    { class: "side" },
    el(
      "h4",
      {},
      title,
      fate ? el("span", { class: thought.stage === "kept" ? "badge-right" : "badge-wrong" }, fate) : null,
    ),
    el("p", { class: "thought-text" }, ...(pieces.length > 0 ? pieces : ["(no thought)"])),
    el("p", { class: "answer-text" }, thought.answer || "(no answer)"),
    fate && thought.stage !== "kept" && thought.reason ? el("p", { class: "about" }, thought.reason) : null,
  );
}
