// The dialog with everything that can be chosen for all questions, and the key for servers that ask for one.

import {
  DEFAULT_SETTINGS,
  EFFORTS,
  NUMBER_NAMES,
  NUMBER_RULES,
  countChanged,
  obeys,
  parseSettings,
  type NumberName,
  type Settings,
} from "../chat/settings";
import { loadForTab, loadLocal, saveForTab, saveLocal } from "../storage";
import { byId, el } from "./dom";
import { icon, setIcon } from "./icons";

const SETTINGS_KEY = "stapes.settings";
const API_KEY = "stapes.api-key";

const NUMBER_WORDS: Record<NumberName, { label: string; hint: string }> = {
  temperature: { label: "Temperature", hint: "0: always the most likely word" },
  topP: { label: "Top p", hint: "0 to 1; 1: all words" },
  topK: { label: "Top k", hint: "0: all words" },
  seed: { label: "Seed", hint: "The same seed, the same answer" },
  thinkingBudget: { label: "Thinking budget", hint: "Tokens; 0: no thinking" },
  maxTokens: { label: "Token limit", hint: "Of thought and answer together" },
};

export class SettingsDialog {
  settings: Settings = parseSettings(loadLocal(SETTINGS_KEY));
  private readonly dialog = byId<HTMLDialogElement>("settings");
  private readonly opener = byId("open-settings");
  private readonly systemPrompt = el("textarea", { id: "system-prompt", rows: 3 });
  private readonly effort = el(
    "select",
    { id: "effort" },
    ...EFFORTS.map((effort) => el("option", { value: effort }, effort === "" ? "default" : effort)),
  );
  private readonly numbers = Object.fromEntries(NUMBER_NAMES.map((name) => [name, numberField(name)])) as Record<
    NumberName,
    HTMLInputElement
  >;
  private readonly key = el("input", { id: "api-key", type: "password", autocomplete: "off", spellcheck: "false" });

  constructor(private readonly onKeyChange: () => void) {
    this.dialog.append(this.makeForm());
    this.opener.addEventListener("click", () => this.open());
    this.dialog.addEventListener("submit", (event) => this.refuseBadNumbers(event));
    this.dialog.addEventListener("close", () => this.store());
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close(); // beside the dialog
    });
    this.showCount();
  }

  apiKey(): string {
    return loadForTab(API_KEY) ?? "";
  }

  open(focusOn: "all" | "key" = "all"): void {
    this.fill(this.settings);
    this.key.value = this.apiKey();
    this.dialog.showModal();
    if (focusOn === "key") this.key.focus();
  }

  private makeForm(): HTMLElement {
    const close = el(
      "button",
      { class: "quiet icon-only", "aria-label": "Close the settings", value: "close" },
      icon("close"),
    );
    return el(
      "form",
      { method: "dialog", class: "settings", novalidate: true },
      el("header", {}, el("h2", { id: "settings-title" }, "Settings"), close),
      field(this.systemPrompt, "System prompt", "Stands before the whole conversation"),
      el(
        "div",
        { class: "grid" },
        field(this.effort, "Reasoning effort", "How long the model thinks"),
        ...NUMBER_NAMES.map((name) => field(this.numbers[name], NUMBER_WORDS[name].label, NUMBER_WORDS[name].hint)),
      ),
      field(this.key, "API key", "For servers that ask for one. Kept until this tab is closed."),
      el(
        "footer",
        {},
        el("button", { type: "button", class: "quiet", onclick: () => this.fill(DEFAULT_SETTINGS) }, "Reset"),
        el("p", { class: "field-hint" }, "Empty fields leave it to the server."),
        el("button", { class: "primary", value: "done" }, "Done"),
      ),
    );
  }

  private fill(settings: Settings): void {
    this.systemPrompt.value = settings.systemPrompt;
    this.effort.value = settings.reasoningEffort;
    for (const name of NUMBER_NAMES) {
      this.numbers[name].value = settings[name] === null ? "" : String(settings[name]);
      this.numbers[name].dispatchEvent(new Event("input"));
    }
  }

  // "Done" leads to the first number out of range. Whoever leaves by another way leaves such numbers behind.
  private refuseBadNumbers(event: SubmitEvent): void {
    const bad = this.dialog.querySelector<HTMLInputElement>('[aria-invalid="true"]');
    if (bad === null || (event.submitter as HTMLButtonElement | null)?.value === "close") return;
    event.preventDefault();
    bad.focus();
  }

  private store(): void {
    const numbers = NUMBER_NAMES.map((name) => {
      const value = this.numbers[name].valueAsNumber;
      return [name, obeys(value, NUMBER_RULES[name]) ? value : null] as const;
    });
    this.settings = {
      ...DEFAULT_SETTINGS,
      ...Object.fromEntries(numbers),
      systemPrompt: this.systemPrompt.value,
      reasoningEffort: EFFORTS.find((effort) => effort === this.effort.value) ?? "",
    };
    saveLocal(SETTINGS_KEY, JSON.stringify(this.settings));
    this.showCount();
    if (this.key.value === this.apiKey()) return;
    saveForTab(API_KEY, this.key.value);
    this.onKeyChange();
  }

  private showCount(): void {
    const changed = countChanged(this.settings);
    setIcon(this.opener, "settings", "Settings");
    this.opener.setAttribute("aria-label", changed === 0 ? "Settings" : `Settings, ${changed} changed`);
    if (changed > 0) this.opener.append(el("span", { class: "badge", "aria-hidden": "true" }, String(changed)));
  }
}

function numberField(name: NumberName): HTMLInputElement {
  const { min, max, whole } = NUMBER_RULES[name];
  const input = el("input", {
    id: `setting-${name}`,
    type: "number",
    min,
    max,
    step: whole ? 1 : "any",
    placeholder: "default",
    inputmode: whole ? "numeric" : "decimal",
  });
  input.addEventListener("input", () => {
    const isBad = input.validity.badInput || (input.value !== "" && !obeys(input.valueAsNumber, NUMBER_RULES[name]));
    input.setAttribute("aria-invalid", String(isBad));
    const hint = document.getElementById(`${input.id}-hint`);
    const range = max >= 1_000_000 ? `${min} or more` : `${min} to ${max}`;
    if (hint !== null)
      hint.textContent = isBad ? `Expected ${whole ? "a whole number, " : ""}${range}` : NUMBER_WORDS[name].hint;
  });
  return input;
}

function field(input: HTMLElement, label: string, hint: string): HTMLElement {
  input.setAttribute("aria-describedby", `${input.id}-hint`);
  return el(
    "div",
    { class: "field" },
    el("label", { for: input.id }, label),
    input,
    el("p", { class: "field-hint", id: `${input.id}-hint` }, hint),
  );
}
