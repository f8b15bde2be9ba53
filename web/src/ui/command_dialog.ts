// Copies a text; where the browser refuses (a page over plain HTTP), shows it for copying by hand.

import { announce } from "./announcer";
import { byId, el } from "./dom";
import { icon } from "./icons";

const SHOWN_MS = 1600;

/** `button` says for a moment that it is done. */
export async function copyText(text: string, title: string, button: Element): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    showForCopying(text, title);
    return;
  }
  announce("Copied");
  if (button.querySelector(".done") !== null) return;
  const done = el("span", { class: "done", "aria-hidden": "true" }, "Copied");
  button.append(done);
  setTimeout(() => done.remove(), SHOWN_MS);
}

function showForCopying(text: string, title: string): void {
  const dialog = byId<HTMLDialogElement>("command");
  const field = el("textarea", { readonly: true, rows: 12, "aria-label": title });
  field.value = text;
  const close = el("button", { class: "quiet icon-only", "aria-label": "Close", value: "close" }, icon("close"));
  dialog.replaceChildren(
    el("form", { method: "dialog" }, el("header", {}, el("h2", { id: "command-title" }, title), close), field),
  );
  dialog.showModal();
  field.focus();
  field.select();
}
