// What the model thinks: it unfolds while it is written, and folds away when the answer begins, unless the
// reader has taken it in hand.

import { DOT, duration } from "../format";
import { el, newId } from "./dom";
import { icon } from "./icons";

export type ThoughtPhase = "listening" | "thinking" | "over";

// A quick model thinks faster than anybody reads: the thought stays at least this long, or it would only flash.
const SHOWN_MS = 1500;

export class ThoughtView {
  readonly element: HTMLElement;
  private readonly label = el("span", { class: "thought-label" });
  private readonly clock = el("span", { class: "thought-clock", "aria-hidden": "true" });
  private readonly text = el("div", { class: "thought-text", tabindex: 0, role: "group", "aria-label": "Thought" });
  private readonly fold: HTMLElement;
  private readonly button: HTMLButtonElement;
  private touched = false;
  private openedAt = 0;

  constructor(hasSound: boolean) {
    const id = newId("thought");
    this.fold = el("div", { class: "thought-fold", id }, el("div", { class: "thought-clip" }, this.text));
    this.button = el(
      "button",
      { type: "button", class: "thought-head", "aria-controls": id, onclick: () => this.onClick() },
      el("span", { class: "pulse", "aria-hidden": "true" }),
      this.label,
      this.clock,
      icon("down"),
    );
    this.element = el("section", { class: "thought", "data-phase": "listening" }, this.button, this.fold);
    this.label.textContent = hasSound ? "Listening" : "Reading";
    this.setOpen(false);
  }

  /** The clock is for the eyes only: a reader would be told every tenth of a second. */
  showClock(seconds: number): void {
    this.clock.textContent = seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds);
  }

  showText(thinking: string): void {
    if (this.element.dataset["phase"] === "listening") {
      this.element.dataset["phase"] = "thinking";
      this.label.textContent = "Thinking";
      if (!this.touched) this.setOpen(true);
    }
    const atEnd = this.text.scrollHeight - this.text.scrollTop - this.text.clientHeight < 40;
    this.text.textContent = thinking;
    if (atEnd) this.text.scrollTop = this.text.scrollHeight;
  }

  /** The answer begins, or nothing more comes. `empty`: there was no thought, so nothing is left to see. */
  finish(seconds: number | null, empty: boolean): void {
    if (this.element.dataset["phase"] === "over") return;
    this.element.dataset["phase"] = "over";
    this.element.hidden = empty;
    this.label.textContent = "Thought";
    this.clock.textContent = seconds === null ? "" : `for ${duration(seconds)}`;
    this.text.scrollTop = 0;
    setTimeout(() => this.foldAway(), this.openedAt + SHOWN_MS - performance.now());
  }

  showTokens(tokens: number): void {
    if (this.clock.textContent !== "") this.clock.textContent += `${DOT}${tokens.toLocaleString("en")} tokens`;
  }

  private foldAway(): void {
    const isRead = this.touched || this.fold.contains(document.activeElement);
    if (!isRead) this.setOpen(false);
  }

  private onClick(): void {
    this.touched = true;
    this.setOpen(this.button.getAttribute("aria-expanded") !== "true");
  }

  private setOpen(open: boolean): void {
    this.openedAt = performance.now();
    this.button.setAttribute("aria-expanded", String(open));
    this.element.classList.toggle("open", open);
    this.fold.inert = !open;
  }
}
