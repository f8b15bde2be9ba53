// What the program wrote into the page: src/report/page.cc is the other side of it.

export type Unit = "number" | "share" | "tokens" | "seconds" | "nats" | "per second";

export interface Log {
  rows: number; // in the file; here they may be fewer
  steps: number[];
  columns: Record<string, (number | null)[]>; // null: no number there
}

export interface Sample {
  step: number;
  id: string;
  task: string;
  prompt: string;
  thinking: string;
  closed: boolean;
  answer: string;
  expected: string;
  tokens: number;
  stop: string;
  reward: number | null;
  parts: Record<string, number>;
}

export interface Funnel {
  round: number;
  replies: number;
  dropped: { stage: string; count: number }[];
  kept: number;
  surrogates: number;
  claims: Record<"true" | "false" | "uncheckable", number>;
}

export interface Thought {
  thinking: { text: string; verdict: string; reason: string }[];
  answer: string;
  stage: string;
  reason: string;
}

export interface Example {
  round: number;
  question: string;
  expected: string;
  task: string;
  before: Thought;
  after: Thought;
  clip: { name: string; data?: string; link?: string; note?: string } | null;
}

export interface Figure {
  label: string;
  unit: Unit;
  first: number;
  last: number;
}

export interface Run {
  name: string;
  title: string;
  folder: string;
  stage: string;
  recipe: string;
  manifest: string;
  last_step: number;
  wanted_steps: number;
  working_time_s: number | null;
  checkpoints: number;
  figures: Figure[];
  logs: Record<string, Log>;
  samples: { in_file: number; chosen: Sample[] };
  selection: { prompts_by_right: number[]; kept: number } | null;
  funnels: Funnel[];
  examples: Example[];
  missing: string[];
}

export interface PlotLine {
  log: string;
  column: string;
  label: string;
}

export interface Plot {
  title: string;
  unit: Unit;
  log_scale: boolean;
  lines: PlotLine[];
}

export interface PlotGroup {
  title: string;
  about: string;
  plots: Plot[];
}

export interface Report {
  title: string;
  made: string;
  runs: Run[];
  groups: PlotGroup[];
}
