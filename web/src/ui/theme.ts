// Light or dark: as the system says, until the user says otherwise.

import type { Theme } from "../audio/colormap";
import { loadLocal, saveLocal } from "../storage";
import { byId } from "./dom";
import { setIcon, type IconName } from "./icons";

const CHOICES = ["auto", "light", "dark"] as const;
type Choice = (typeof CHOICES)[number];

const LOOKS: Record<Choice, { icon: IconName; words: string }> = {
  auto: { icon: "auto", words: "as the system" },
  light: { icon: "sun", words: "light" },
  dark: { icon: "moon", words: "dark" },
};

const KEY = "stapes.theme";
const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();
let choice: Choice = "auto";

export function currentTheme(): Theme {
  if (choice !== "auto") return choice;
  return systemIsDark.matches ? "dark" : "light";
}

/** Calls back at every change; returns how to end that. */
export function onThemeChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function startTheme(): void {
  choice = CHOICES.find((known) => known === loadLocal(KEY)) ?? "auto";
  const button = byId("theme");
  const show = () => {
    if (choice === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = choice;
    setIcon(button, LOOKS[choice].icon);
    const label = `Colours: ${LOOKS[choice].words}`;
    button.setAttribute("aria-label", label);
    button.title = label;
    for (const listener of listeners) listener();
  };
  button.addEventListener("click", () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length]!;
    saveLocal(KEY, choice);
    show();
  });
  systemIsDark.addEventListener("change", show);
  show();
}
