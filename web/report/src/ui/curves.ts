// All charts in their groups, with what is set for all of them.

import { el } from "../../../src/ui/dom";
import { onThemeChange } from "../../../src/ui/theme";
import type { Report } from "../data";
import { different } from "../filter";
import { armsOf, chartsOf, type Arm } from "../series";
import { PlotView } from "./plot";

interface Section {
  id: string;
  title: string;
}

/** Returns the sections that were made. Stages count their steps differently, so each has plots of its own. */
export function showCurves(report: Report, place: HTMLElement): Section[] {
  const runs = report.runs.filter((run) => Object.keys(run.logs).length > 0);
  if (runs.length === 0) return [];
  const plots: PlotView[] = [];
  const sections: Section[] = [];
  place.append(controls(armsOf(runs), plots));
  const stages = different(runs.map((run) => run.stage));
  for (const stage of stages) {
    const arms = armsOf(runs.filter((run) => run.stage === stage));
    const prefix = stages.length > 1 && stage !== "" ? `${stage}: ` : "";
    for (const group of report.groups) {
      const views = group.plots.flatMap((plot) => chartsOf(plot, arms)).map((chart) => new PlotView(chart));
      if (views.length === 0) continue;
      const section = { id: `curves-${sections.length}`, title: prefix + group.title };
      sections.push(section);
      plots.push(...views);
      place.append(element(section, group.about, stages.length > 1 && arms.length > 1 ? arms : [], views));
    }
  }

  const drawAll = () => plots.forEach((view) => view.draw());
  drawAll();
  void document.fonts.ready.then(drawAll);
  const observer = new ResizeObserver(() => plots.forEach((view) => view.resize()));
  observer.observe(place);
  onThemeChange(drawAll);
  return sections;
}

function element({ id, title }: Section, about: string, arms: Arm[], views: PlotView[]): HTMLElement {
  return el(
    "section",
    { class: "group", "aria-labelledby": id },
    el("h2", { id, tabindex: "-1" }, title),
    el("p", { class: "about" }, about),
    arms.length > 0 ? armList(arms) : null,
    el("div", { class: "plots" }, ...views.map((view) => view.element)),
  );
}

function controls(arms: Arm[], plots: PlotView[]): HTMLElement {
  const shown = el("output", { for: "smoothing" }, "0.00");
  const slider = el("input", { type: "range", id: "smoothing", min: "0", max: "0.98", step: "0.02", value: "0" });
  slider.addEventListener("input", () => {
    shown.textContent = Number(slider.value).toFixed(2);
    for (const view of plots) view.smooth(Number(slider.value));
  });
  const seeds = arms.some((arm) => arm.runs.length > 1);
  const hint = seeds
    ? "A line is the mean over the seeds, the band reaches from the lowest to the highest."
    : "Drag across a plot to enlarge it, double-click to see all.";
  return el(
    "div",
    { class: "controls" },
    el("label", { for: "smoothing" }, "Smoothing"),
    slider,
    shown,
    el("p", { class: "hint" }, hint),
    different(arms.flatMap((arm) => arm.runs.map((run) => run.stage))).length === 1 && arms.length > 1
      ? armList(arms)
      : null,
  );
}

function armList(arms: Arm[]): HTMLElement {
  const items = arms.map((arm, i) => {
    const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
    swatch.dataset["line"] = String((i % 8) + 1);
    return el("li", {}, swatch, arm.runs.length > 1 ? `${arm.name} · ${arm.runs.length} seeds` : arm.name);
  });
  return el("ul", { class: "arms", "aria-label": "Runs" }, ...items);
}
