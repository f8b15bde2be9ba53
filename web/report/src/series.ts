// From the runs' columns to lines: one a column, a run, or a group of runs that differ only by their seed. Pure.

import type { Plot, PlotLine, Run, Unit } from "./data";

/** A gap is null; undefined where another line of the plot has a step that this one does not have. */
export type Cell = number | null | undefined;

export interface Line {
  label: string;
  color: number; // place in the palette
  steps: number[];
  values: (number | null)[];
  low?: (number | null)[]; // of the runs that are one line
  high?: (number | null)[];
}

export interface Chart {
  title: string;
  unit: Unit;
  logScale: boolean;
  lines: Line[];
}

/** Runs that differ by their seed: NAME-seed1, NAME-seed2, ... A run with no other like it is an arm of its own. */
export interface Arm {
  name: string;
  runs: Run[];
}

const SEED = /^(.*?)[-_]seed[-_]?\d+(?=\/|$)(.*)$/;

export function armsOf(runs: Run[]): Arm[] {
  const arms = new Map<string, Run[]>();
  for (const run of runs) {
    const parts = SEED.exec(run.name);
    const name = parts ? `${parts[1]}${parts[2]}` : run.name;
    arms.set(name, [...(arms.get(name) ?? []), run]);
  }
  return [...arms].map(([name, of]) => (of.length === 1 ? { name: of[0]!.name, runs: of } : { name, runs: of }));
}

/** Mean over the runs that have a number at a step, and their lowest and highest. */
export function together(columns: { steps: number[]; values: (number | null)[] }[]): Omit<Line, "label" | "color"> {
  const at = new Map<number, number[]>();
  for (const { steps, values } of columns)
    steps.forEach((step, i) => {
      const found = at.get(step) ?? [];
      const value = values[i];
      if (typeof value === "number") found.push(value);
      at.set(step, found);
    });
  const steps = [...at.keys()].sort((a, b) => a - b);
  const of = (reduce: (numbers: number[]) => number) =>
    steps.map((step) => (at.get(step)!.length === 0 ? null : reduce(at.get(step)!)));
  return {
    steps,
    values: of((numbers) => numbers.reduce((sum, n) => sum + n, 0) / numbers.length),
    low: of((numbers) => Math.min(...numbers)),
    high: of((numbers) => Math.max(...numbers)),
  };
}

function column(run: Run, line: PlotLine) {
  const log = run.logs[line.log];
  const values = log?.columns[line.column];
  return log && values ? { steps: log.steps, values } : null;
}

function hasNumbers(line: Line): boolean {
  return line.values.some((value) => value !== null);
}

/** One run: a chart with a line for each column. Several: a chart for each column with a line for each arm. */
export function chartsOf(plot: Plot, arms: Arm[]): Chart[] {
  const base = { unit: plot.unit, logScale: plot.log_scale };
  if (arms.length === 1 && arms[0]!.runs.length === 1) {
    const run = arms[0]!.runs[0]!;
    const lines = plot.lines.flatMap((line, i) => {
      const found = column(run, line);
      return found ? [{ label: line.label, color: i, ...found }] : [];
    });
    const drawn = lines.filter(hasNumbers);
    return drawn.length === 0 ? [] : [{ title: plot.title, ...base, lines: drawn }];
  }
  return plot.lines.flatMap((line) => {
    const lines = arms.flatMap((arm, i) => {
      const columns = arm.runs.flatMap((run) => column(run, line) ?? []);
      if (columns.length === 0) return [];
      const one = arm.runs.length === 1 ? columns[0]! : together(columns);
      return [{ label: arm.name, color: i, ...one }];
    });
    const drawn = lines.filter(hasNumbers);
    const title = plot.lines.length === 1 ? plot.title : `${plot.title}: ${line.label}`;
    return drawn.length === 0 ? [] : [{ title, ...base, lines: drawn }];
  });
}

/** All lines on the steps that any of them has. */
export function aligned(lines: { steps: number[]; values: (number | null)[] }[]): { steps: number[]; rows: Cell[][] } {
  const steps = [...new Set(lines.flatMap((line) => line.steps))].sort((a, b) => a - b);
  const place = new Map(steps.map((step, i) => [step, i]));
  const rows = lines.map((line) => {
    const row = new Array<Cell>(steps.length).fill(undefined);
    line.steps.forEach((step, i) => (row[place.get(step)!] = line.values[i]!));
    return row;
  });
  return { steps, rows };
}

/**
 * Exponential moving average, corrected for its start; gaps stay gaps. `weight` of the past: 0 leaves all as it is,
 * 0.9 is a mean over about ten.
 */
export function smoothed(values: (number | null)[], weight: number): (number | null)[] {
  let mean = 0;
  let total = 0;
  return values.map((value) => {
    if (value === null) return null;
    mean = weight * mean + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return mean / total;
  });
}

/** Values that a logarithmic scale can show; null for the others. */
export function positive(values: Cell[]): Cell[] {
  return values.map((value) => (typeof value === "number" && value <= 0 ? null : value));
}

/** "training 0.98 at step 1, 0.99 at step 60; held out ...", for those who do not see the plot. */
export function inWords(chart: Chart, format: (value: number) => string): string {
  return chart.lines
    .map((line) => {
      const known = line.values.flatMap((value, i) => (value === null ? [] : [{ value, step: line.steps[i]! }]));
      const [first, last] = [known[0], known.at(-1)];
      if (!first || !last) return `${line.label}: no numbers`;
      const end = last.step === first.step ? "" : `, ${format(last.value)} at step ${last.step}`;
      return `${line.label} ${format(first.value)} at step ${first.step}${end}`;
    })
    .join("; ");
}
