// What went wrong, said where the user is looking. The element has role="alert", so it is read out as well.

import { byId, el } from "./dom";
import { icon } from "./icons";

export function showNotice(message: string, action?: { words: string; run: () => void }): void {
  const close = el(
    "button",
    { type: "button", class: "quiet icon-only", "aria-label": "Close the message", onclick: hideNotice },
    icon("close"),
  );
  const button =
    action &&
    el(
      "button",
      {
        type: "button",
        class: "quiet",
        onclick: () => {
          hideNotice();
          action.run();
        },
      },
      action.words,
    );
  const notice = el("div", { class: "notice" }, icon("warning"), el("p", {}, message), button ?? null, close);
  byId("notice").replaceChildren(notice);
}

export function hideNotice(): void {
  byId("notice").replaceChildren();
}
