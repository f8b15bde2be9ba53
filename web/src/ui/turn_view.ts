// One question, the thought about it, and the answer.

import type { Turn } from "../chat/conversation";
import { usageLine } from "../chat/usage_line";
import { announce } from "./announcer";
import { ClipView } from "./clip_view";
import { el, newId } from "./dom";
import { icon, type IconName } from "./icons";
import { markdownView } from "./markdown_view";
import { ThoughtView } from "./thought_view";

export type Ending = { kind: "done" } | { kind: "length" } | { kind: "stopped" } | { kind: "failed"; message: string };

export interface TurnActions {
  again(): void;
  /** `button`: where to say that it is done. */
  copyAnswer(button: Element): void;
  copyCurl(button: Element): void;
}

const TICK_MS = 100;
const LONG_QUESTION = 160; // characters; beyond it large type is hard to read

export class TurnView {
  readonly element: HTMLElement;
  private readonly clips: ClipView[] = [];
  private readonly thought: ThoughtView;
  private readonly answer = el("div", { class: "answer" });
  private readonly foot = el("footer", { class: "turn-foot" });
  private readonly start = performance.now();
  private thinkingStart: number | null = null;
  private readonly ticker: ReturnType<typeof setInterval>;
  private paintRequest = 0;
  private again: HTMLButtonElement | null = null;

  constructor(
    private readonly turn: Turn,
    private readonly actions: TurnActions,
    private readonly onPaint: () => void,
  ) {
    const titleId = newId("question");
    this.thought = new ThoughtView(turn.question.some((part) => part.kind === "clip"));
    this.element = el(
      "article",
      { class: "turn", tabindex: -1, "aria-labelledby": titleId, "aria-busy": "true" },
      this.questionView(titleId),
      this.thought.element,
      this.answer,
      this.foot,
    );
    this.ticker = setInterval(() => this.tick(), TICK_MS);
  }

  /** The turn's thinking or answer has grown. Painted with the next frame, however many pieces come before it. */
  update(): void {
    if (this.thinkingStart === null && this.turn.thinking !== "") {
      this.thinkingStart = performance.now();
      announce("Thinking");
    }
    if (this.paintRequest === 0) this.paintRequest = requestAnimationFrame(() => this.paint());
  }

  end(ending: Ending): void {
    clearInterval(this.ticker);
    cancelAnimationFrame(this.paintRequest);
    this.paint();
    this.finishThought();
    if (this.turn.usage?.thinkingTokens) this.thought.showTokens(this.turn.usage.thinkingTokens);
    this.element.setAttribute("aria-busy", "false");
    this.answer.classList.toggle("short", isShort(this.turn.answer));
    this.showFoot(ending);
    announce(this.spokenEnding(ending));
    this.onPaint();
  }

  /** Only the last turn can be asked again: those before it are what later ones build upon. */
  setLast(last: boolean): void {
    if (this.again !== null) this.again.hidden = !last;
  }

  destroy(): void {
    clearInterval(this.ticker);
    cancelAnimationFrame(this.paintRequest);
    for (const clip of this.clips) clip.destroy();
    this.element.remove();
  }

  // The last text is what is asked, so it is the heading; a sound without words gets one that only readers see.
  private questionView(titleId: string): HTMLElement {
    const question = this.turn.question;
    const title = question.filter((part) => part.kind === "text").at(-1);
    const parts = question.map((part) => {
      if (part.kind === "text") {
        const attributes = { class: part.text.length > LONG_QUESTION ? "question-text long" : "question-text" };
        return part === title ? el("h2", { ...attributes, id: titleId }, part.text) : el("p", attributes, part.text);
      }
      const view = new ClipView(part.clip);
      this.clips.push(view);
      return view.element;
    });
    const hidden =
      title === undefined ? el("h2", { class: "visually-hidden", id: titleId }, "A sound without words") : null;
    const mark = this.turn.fresh ? el("p", { class: "fresh-mark" }, "A new conversation") : null;
    return el("header", { class: "question" }, mark, hidden, ...parts);
  }

  private tick(): void {
    if (this.turn.answer === "")
      this.thought.showClock((performance.now() - (this.thinkingStart ?? this.start)) / 1000);
  }

  private paint(): void {
    this.paintRequest = 0;
    if (this.turn.thinking !== "") this.thought.showText(this.turn.thinking);
    if (this.turn.answer !== "") {
      this.finishThought();
      this.answer.replaceChildren(...markdownView(this.turn.answer));
    }
    this.onPaint();
  }

  private finishThought(): void {
    const seconds = this.thinkingStart === null ? null : (performance.now() - this.thinkingStart) / 1000;
    this.thought.finish(seconds, this.turn.thinking === "");
  }

  private showFoot(ending: Ending): void {
    const seconds = (performance.now() - this.start) / 1000;
    const note = noteOf(ending, this.turn);
    this.again = footButton("again", "Ask again", this.actions.again);
    this.foot.append(
      ...(note === null
        ? []
        : [el("p", { class: ending.kind === "failed" ? "turn-note failed" : "turn-note" }, icon("warning"), note)]),
      el("p", { class: "facts" }, usageLine(seconds, this.turn.usage)),
      el(
        "div",
        { class: "turn-actions" },
        ...(this.turn.answer === "" ? [] : [footButton("copy", "Copy", this.actions.copyAnswer)]),
        footButton("terminal", "Copy as curl", this.actions.copyCurl),
        this.again,
      ),
    );
  }

  private spokenEnding(ending: Ending): string {
    const note = noteOf(ending, this.turn);
    const answer = this.turn.answer === "" ? "" : `Answer: ${this.turn.answer}`;
    return [answer, note].filter(Boolean).join(" ");
  }
}

// A number or a few words: worth large type.
function isShort(answer: string): boolean {
  return answer.length <= 32 && !answer.includes("\n");
}

function noteOf(ending: Ending, turn: Turn): string | null {
  const lost = turn.answer.trim() === "" ? " There is no answer, so the next question is put without this one." : "";
  switch (ending.kind) {
    case "done":
      return turn.answer.trim() === "" ? "The model gave no answer. The next question is put without this one." : null;
    case "length":
      return `The limit of tokens was reached before the model was done.${lost}`;
    case "stopped":
      return `Stopped.${lost}`;
    case "failed":
      return `${ending.message}${lost}`;
  }
}

function footButton(picture: IconName, words: string, action: (button: Element) => void): HTMLButtonElement {
  const button = el("button", { type: "button", class: "quiet small" }, icon(picture), words);
  button.addEventListener("click", () => action(button));
  return button;
}
