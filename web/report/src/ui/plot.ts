// One chart: a title, the lines, and a list that names them and gives their values under the cursor.

import uPlot from "uplot";
import { el } from "../../../src/ui/dom";
import type { Unit } from "../data";
import { plain, tick, withUnit } from "../numbers";
import { aligned, inWords, positive, smoothed, type Cell, type Chart, type Line } from "../series";
import { colorOf, font, lineColor, lineDash } from "../theme_colors";

const HEIGHT_PX = 190;
const SYNC = "step";
const FEW_POINTS = 30;

interface PlotColumn {
  line: Line;
  kind: "low" | "high" | "raw" | "read";
  values: (number | null)[];
}

export class PlotView {
  readonly element: HTMLElement;
  private readonly frame = el("div", { class: "plot-frame" });
  private readonly readings: HTMLElement[] = [];
  private readonly stepReading = el("span", { class: "plot-step" });
  private readonly spoken = el("p", { class: "visually-hidden", "aria-live": "polite" });
  private readonly hidden = new Set<number>();
  private plot: uPlot | null = null;
  private smoothing = 0;
  private logScale: boolean;
  private drawnWidth = 0;

  constructor(private readonly chart: Chart) {
    this.logScale = chart.logScale && this.hasPositive();
    const figure = el("figure", { class: "plot" }, this.head(), this.frame, this.legend(), this.spoken);
    this.frame.tabIndex = 0;
    this.frame.setAttribute("role", "img");
    this.frame.setAttribute("aria-label", `${chart.title}, by step: ${inWords(chart, (v) => withUnit(v, chart.unit))}`);
    this.frame.addEventListener("keydown", (event) => this.onKey(event));
    this.element = figure;
  }

  /** After the element is in the document, at every change of its width, and of the colours. */
  draw(): void {
    const width = this.frame.clientWidth;
    if (width === 0) return;
    this.drawnWidth = width;
    this.plot?.destroy();
    this.plot = new uPlot(this.options(width), this.data(), this.frame);
    this.showReadings(null);
  }

  resize(): void {
    const width = this.frame.clientWidth;
    if (width === 0 || width === this.drawnWidth) return;
    this.drawnWidth = width;
    if (this.plot) this.plot.setSize({ width, height: HEIGHT_PX });
    else this.draw();
  }

  smooth(weight: number): void {
    if (weight === this.smoothing) return;
    const redraw = (weight === 0) !== (this.smoothing === 0); // the raw lines turn faint
    this.smoothing = weight;
    if (redraw) this.draw();
    else this.plot?.setData(this.data());
    this.showReadings(null);
  }

  private head(): HTMLElement {
    const unit = ["share", "number", "seconds", "per second"].includes(this.chart.unit) ? "" : this.chart.unit;
    const log = el("button", { type: "button", class: "plot-log", "aria-pressed": String(this.logScale) }, "log");
    log.setAttribute("aria-label", `log scale of ${this.chart.title}`);
    log.hidden = !this.chart.logScale && !this.isWide();
    log.addEventListener("click", () => {
      this.logScale = !this.logScale;
      log.setAttribute("aria-pressed", String(this.logScale));
      this.draw();
    });
    return el(
      "figcaption",
      {},
      el("h3", {}, this.chart.title),
      el("span", { class: "plot-unit" }, unit),
      this.stepReading,
      log,
    );
  }

  private legend(): HTMLElement {
    const items = this.chart.lines.map((line, i) => {
      const reading = el("span", { class: "plot-value" });
      this.readings.push(reading);
      const swatch = el("span", { class: "swatch", "aria-hidden": "true" });
      swatch.dataset["line"] = String((line.color % 8) + 1);
      const label = el("span", { class: "plot-label" }, line.label);
      if (this.chart.lines.length === 1) return el("li", {}, swatch, label, reading);
      const button = el("button", { type: "button", "aria-pressed": "true" }, swatch, label, reading);
      button.addEventListener("click", () => this.toggle(i, button));
      return el("li", {}, button);
    });
    return el("ul", { class: "plot-legend", "aria-label": `Lines of ${this.chart.title}` }, ...items);
  }

  private toggle(line: number, button: HTMLElement): void {
    const hides = !this.hidden.has(line);
    if (hides) this.hidden.add(line);
    else this.hidden.delete(line);
    button.setAttribute("aria-pressed", String(!hides));
    this.draw();
  }

  // Numbers of different sizes: only there a logarithmic scale shows more.
  private isWide(): boolean {
    const sizes = this.chart.lines.flatMap((line) => line.values.filter((value) => value !== null && value > 0));
    if (sizes.length === 0) return false;
    const [low, high] = (sizes as number[]).reduce(([l, h], n) => [Math.min(l, n), Math.max(h, n)], [Infinity, 0]);
    return high > 30 * low;
  }

  private hasPositive(): boolean {
    return this.chart.lines.some((line) => line.values.some((value) => value !== null && value > 0));
  }

  // For each line: its lowest and highest where it is several runs, the numbers themselves (faint, where they are
  // smoothed), and what is read.
  private columns(): PlotColumn[] {
    return this.chart.lines.flatMap((line): PlotColumn[] => {
      const soft = (values: (number | null)[]) => smoothed(values, this.smoothing);
      const read: PlotColumn = { line, kind: "read", values: soft(line.values) };
      if (line.low && line.high)
        return [{ line, kind: "low", values: soft(line.low) }, { line, kind: "high", values: soft(line.high) }, read];
      return this.smoothing > 0 ? [{ line, kind: "raw", values: line.values }, read] : [read];
    });
  }

  private data(): uPlot.AlignedData {
    const columns = this.columns().map(({ line, values }) => ({ steps: line.steps, values }));
    const { steps, rows } = aligned(columns);
    const shown = this.logScale ? rows.map(positive) : rows;
    return [steps, ...shown] as uPlot.AlignedData;
  }

  private options(width: number): uPlot.Options {
    const columns = this.columns();
    const muted = colorOf("--muted");
    const grid = { stroke: colorOf("--grid"), width: 1 };
    const axis = { stroke: muted, grid, ticks: { show: false }, font: font(11), gap: 4 };
    return {
      width,
      height: HEIGHT_PX,
      padding: [8, 6, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: SYNC, scales: ["x", null] },
        drag: { x: true, y: false },
        y: false,
        points: { size: 7, fill: (u, i) => String((u.series[i]!.stroke as () => string)()) },
      },
      scales: {
        x: { time: false },
        y: { distr: this.logScale ? 3 : 1, ...(this.logScale ? {} : { range: spread(this.chart.unit) }) },
      },
      axes: [
        { ...axis, size: 24, space: 56, values: (_, values) => values.map((value) => tick(value, "number")) },
        {
          ...axis,
          size: (_, values) => 12 + 6.4 * Math.max(3, ...(values ?? []).map((value) => value.length)),
          space: 34,
          values: (_, values) => values.map((value) => (value === null ? "" : tick(value, this.chart.unit))),
        },
      ],
      series: [
        {},
        ...columns.map(({ line, kind }) => {
          const color = lineColor(line.color);
          const faint = kind === "raw" ? `color-mix(in srgb, ${color} 30%, transparent)` : color;
          const edge = kind === "low" || kind === "high";
          return {
            label: line.label,
            show: !this.hidden.has(this.chart.lines.indexOf(line)),
            stroke: () => (edge ? "transparent" : faint),
            width: kind === "read" ? 1.75 : 1,
            dash: lineDash(line.color),
            points: { show: !edge && kind !== "raw", size: 4.5, fill: color, filter: lonely },
          } satisfies uPlot.Series;
        }),
      ],
      bands: columns.flatMap(({ line, kind }, i) =>
        kind === "high"
          ? [
              {
                series: [i + 1, i] as [number, number],
                fill: `color-mix(in srgb, ${lineColor(line.color)} 18%, transparent)`,
              },
            ]
          : [],
      ),
      hooks: { setCursor: [(u) => this.showReadings(u.cursor.idx ?? null)] },
    };
  }

  // At `place` of the common steps; the last ones where the cursor is elsewhere.
  private showReadings(place: number | null): void {
    const steps = this.plot?.data[0];
    this.stepReading.textContent = place === null || !steps ? "" : `step ${plain(steps[place]!)}`;
    let column = 0;
    const columns = this.columns();
    columns.forEach(({ line, kind, values }, i) => {
      if (kind !== "read") return;
      const reading = this.readings[column++]!;
      if (place === null || !this.plot) {
        reading.textContent = withUnit(
          values.findLast((value) => value !== null),
          this.chart.unit,
        );
        return;
      }
      const value = this.plot.data[i + 1]![place];
      const [low, high] = [this.plot.data[i - 1]?.[place], this.plot.data[i]?.[place]];
      const range =
        line.low && typeof low === "number" && typeof high === "number"
          ? ` (${withUnit(low, this.chart.unit)} to ${withUnit(high, this.chart.unit)})`
          : "";
      reading.textContent = withUnit(value, this.chart.unit) + range;
    });
  }

  private onKey(event: KeyboardEvent): void {
    const plot = this.plot;
    if (!plot) return;
    const last = plot.data[0].length - 1;
    const now = plot.cursor.idx ?? null;
    const moves: Record<string, number> = {
      ArrowLeft: Math.max((now ?? last + 1) - 1, 0),
      ArrowRight: Math.min((now ?? -1) + 1, last),
      Home: 0,
      End: last,
    };
    const to = moves[event.key];
    if (to !== undefined) {
      event.preventDefault();
      plot.setCursor({ left: plot.valToPos(plot.data[0][to]!, "x"), top: 10 });
      const values = this.chart.lines.map((line, i) => `${line.label} ${this.readings[i]!.textContent}`);
      this.spoken.textContent = `${this.stepReading.textContent}: ${values.join(", ")}`;
    } else if (event.key === "Escape") {
      plot.setCursor({ left: -10, top: -10 });
      const steps = plot.data[0];
      plot.setScale("x", { min: steps[0]!, max: steps[last]! });
    }
  }
}

// A line that is the same everywhere still gets some room; shares stay between 0 and 1 where they are.
function spread(unit: Unit): uPlot.Range.Function {
  return (_, low, high) => {
    if (low === null || high === null) return [0, 1];
    const flat = unit === "share" ? 0.1 : Math.abs(high) * 0.2 || 1;
    const room = high === low ? flat : (high - low) * 0.08;
    const bounded = unit === "share" && low >= 0 && high <= 1;
    const isZero = low === 0 && high === 0;
    return [
      bounded || isZero ? Math.max(low - room, 0) : low - room,
      bounded ? Math.min(high + room, 1.004) : high + room,
    ];
  };
}

// Points are drawn where a line could not be: between gaps, or where there are few of them.
const lonely: uPlot.Series.Points.Filter = (u, series, show) => {
  if (!show) return null;
  const values = u.data[series] as Cell[];
  const known = values.flatMap((value, i) => (typeof value === "number" ? [i] : []));
  if (known.length <= FEW_POINTS) return known;
  const apart = (place: number, by: number) => {
    for (let i = place + by; i >= 0 && i < values.length; i += by)
      if (values[i] !== undefined) return values[i] === null;
    return true;
  };
  return known.filter((place) => apart(place, -1) && apart(place, 1));
};
