// What the user chose for all questions. Empty means: whatever the server and the model hold for right.

export interface Settings {
  systemPrompt: string;
  reasoningEffort: "" | "none" | "minimal" | "low" | "medium" | "high";
  thinkingBudget: number | null; // tokens
  temperature: number | null;
  topP: number | null;
  topK: number | null;
  maxTokens: number | null; // thinking included
  seed: number | null;
}

export const DEFAULT_SETTINGS: Settings = {
  systemPrompt: "",
  reasoningEffort: "",
  thinkingBudget: null,
  temperature: null,
  topP: null,
  topK: null,
  maxTokens: null,
  seed: null,
};

export interface NumberRule {
  min: number;
  max: number;
  whole: boolean;
}

/** What the form allows; the server has the last word. */
export const NUMBER_RULES = {
  thinkingBudget: { min: 0, max: 1_000_000, whole: true },
  temperature: { min: 0, max: 2, whole: false },
  topP: { min: 0, max: 1, whole: false },
  topK: { min: 0, max: 1_000_000, whole: true },
  maxTokens: { min: 1, max: 1_000_000, whole: true },
  seed: { min: 0, max: Number.MAX_SAFE_INTEGER, whole: true },
} satisfies Partial<Record<keyof Settings, NumberRule>>;

export type NumberName = keyof typeof NUMBER_RULES;
export const NUMBER_NAMES = Object.keys(NUMBER_RULES) as NumberName[];
export const EFFORTS = ["", "none", "minimal", "low", "medium", "high"] as const;

export function obeys(value: number, rule: NumberRule): boolean {
  return value >= rule.min && value <= rule.max && (!rule.whole || Number.isInteger(value));
}

/** From what was stored, perhaps by another version of this page: what is not understood becomes the default. */
export function parseSettings(stored: string | null): Settings {
  const settings = { ...DEFAULT_SETTINGS };
  let fields: unknown;
  try {
    fields = JSON.parse(stored ?? "null");
  } catch {
    return settings;
  }
  if (typeof fields !== "object" || fields === null) return settings;
  const found = fields as Record<string, unknown>;
  if (typeof found["systemPrompt"] === "string") settings.systemPrompt = found["systemPrompt"];
  const effort = EFFORTS.find((known) => known === found["reasoningEffort"]);
  if (effort !== undefined) settings.reasoningEffort = effort;
  for (const name of NUMBER_NAMES) {
    const value = found[name];
    if (typeof value === "number" && obeys(value, NUMBER_RULES[name])) settings[name] = value;
  }
  return settings;
}

export function countChanged(settings: Settings): number {
  return (Object.keys(DEFAULT_SETTINGS) as (keyof Settings)[]).filter(
    (name) => settings[name] !== DEFAULT_SETTINGS[name],
  ).length;
}
