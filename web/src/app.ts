// The conversation: what happens between a question and its answer, and what is kept when that fails.

import type { Client } from "./api/client";
import { ApiError } from "./api/errors";
import type { Clip } from "./audio/clip";
import { buildRequest, type ChatRequest, type Part, type Turn } from "./chat/conversation";
import { curlCommand } from "./chat/curl";
import { requestJson } from "./chat/request_json";
import { copyText } from "./ui/command_dialog";
import { Composer } from "./ui/composer";
import { byId } from "./ui/dom";
import { ModelLine } from "./ui/model_line";
import { hideNotice, showNotice } from "./ui/notice";
import { keepEndInSight } from "./ui/scroll";
import type { SettingsDialog } from "./ui/settings_dialog";
import { TurnView, type Ending } from "./ui/turn_view";

interface Shown {
  turn: Turn;
  view: TurnView;
  request: ChatRequest;
}

export class App {
  private readonly composer: Composer;
  private readonly modelLine: ModelLine;
  private shown: Shown[] = [];
  private running: AbortController | null = null;
  /** The sample that was asked about last, and the questions about it that were not asked yet. */
  private sample: { clip: Clip; openQuestions: string[] } | null = null;

  constructor(
    private readonly client: Client,
    private readonly settings: SettingsDialog,
  ) {
    this.modelLine = new ModelLine(client);
    this.composer = new Composer({
      ask: (parts) => {
        this.composer.clear();
        void this.ask(parts);
      },
      stop: () => this.running?.abort(),
      copyCurl: (parts) => void this.copyCurl(this.requestFor(parts), byId("copy-curl")),
    });
    byId("new").addEventListener("click", () => this.startOver());
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && document.querySelector("dialog[open]") === null) this.running?.abort();
    });
    void this.refreshModels();
  }

  /** The key has changed, or the page was just opened. */
  async refreshModels(): Promise<void> {
    const problem = await this.modelLine.refresh();
    if (problem !== null) this.showProblem(problem, () => void this.refreshModels());
  }

  /** A conversation of its own, since the small model was not trained to look back. `others`: what may be asked next. */
  async askSample(clip: Clip, question: string, others: readonly string[]): Promise<void> {
    if (this.running !== null) return;
    this.sample = { clip, openQuestions: others.filter((other) => other !== question) };
    const parts: Part[] = [
      { kind: "clip", clip },
      { kind: "text", text: question },
    ];
    await this.ask(parts, true);
  }

  private async ask(parts: readonly Part[], fresh = false): Promise<void> {
    if (this.running !== null) return;
    hideNotice();
    this.composer.suggest([], () => undefined);
    const shown = this.begin(parts, fresh);
    const ending = await this.run(shown);
    if (ending.kind === "failed" && shown.turn.thinking === "" && shown.turn.answer === "") {
      this.giveBack(shown, ending.error);
      return;
    }
    shown.view.end(ending);
    this.showOpenQuestions();
  }

  private begin(parts: readonly Part[], fresh: boolean): Shown {
    const turn: Turn = {
      question: parts,
      fresh: fresh && this.shown.length > 0,
      thinking: "",
      answer: "",
      usage: null,
    };
    const request = this.requestFor(parts, fresh);
    const shown: Shown = {
      turn,
      request,
      view: new TurnView(
        turn,
        {
          again: () => this.askAgain(shown),
          copyAnswer: (button) => void copyText(turn.answer, "The answer", button),
          copyCurl: (button) => void this.copyCurl(request, button),
        },
        keepEndInSight,
      ),
    };
    this.shown.push(shown);
    byId("turns").append(shown.view.element);
    this.afterChange();
    shown.view.element.scrollIntoView({ block: "nearest" });
    // What was pressed may be gone now (a sample's question, a suggestion): then the focus goes to the turn.
    if (!isShown(document.activeElement)) shown.view.element.focus({ preventScroll: true });
    return shown;
  }

  private async run({ turn, view, request }: Shown): Promise<Ending & { error?: unknown }> {
    this.running = new AbortController();
    this.composer.setBusy(true);
    const { signal } = this.running;
    try {
      await this.modelLine.ensure();
      const body = requestJson({ ...request, model: this.modelLine.model() }, (clip) => clip.base64());
      const finish = await this.client.ask(
        body,
        {
          thinking: (text) => {
            turn.thinking += text;
            view.update();
          },
          answer: (text) => {
            turn.answer += text;
            view.update();
          },
          usage: (usage) => (turn.usage = usage),
        },
        signal,
      );
      return finish === "length" ? { kind: "length" } : { kind: "done" };
    } catch (error) {
      if (signal.aborted) return { kind: "stopped" };
      return { kind: "failed", message: messageOf(error), error };
    } finally {
      this.running = null;
      this.composer.setBusy(false);
    }
  }

  // Nothing came: the question goes back to where it was written, with its sounds.
  private giveBack(shown: Shown, error: unknown): void {
    this.remove(shown);
    this.composer.putBack(shown.turn.question);
    this.showProblem(error, () => this.composer.submit());
    this.composer.focus();
  }

  private askAgain(shown: Shown): void {
    if (this.running !== null) return;
    this.remove(shown);
    void this.ask(shown.turn.question, shown.turn.fresh);
  }

  private remove(shown: Shown): void {
    shown.view.destroy();
    this.shown = this.shown.filter((other) => other !== shown);
    this.afterChange();
  }

  private startOver(): void {
    this.running?.abort();
    for (const { view } of this.shown) view.destroy();
    this.shown = [];
    this.sample = null;
    this.composer.suggest([], () => undefined);
    this.afterChange();
    this.composer.focus();
  }

  private afterChange(): void {
    const empty = this.shown.length === 0;
    byId("welcome").hidden = !empty;
    byId("new").hidden = empty;
    document.body.classList.toggle("talking", !empty);
    this.shown.forEach(({ view }, at) => view.setLast(at === this.shown.length - 1));
  }

  private showOpenQuestions(): void {
    if (this.sample === null) return;
    const { clip, openQuestions } = this.sample;
    this.composer.suggest(openQuestions, (question) => void this.askSample(clip, question, openQuestions));
  }

  private requestFor(parts: readonly Part[], fresh = false): ChatRequest {
    const history = fresh ? [] : this.shown.map(({ turn }) => turn);
    return buildRequest(this.modelLine.model(), this.settings.settings, history, parts);
  }

  private async copyCurl(request: ChatRequest, button: Element): Promise<void> {
    const command = curlCommand(request, this.client.chatUrl(), this.settings.apiKey() !== "");
    await copyText(command, "The request as a command", button);
  }

  private showProblem(error: unknown, again: () => void): void {
    const needsKey = error instanceof ApiError && error.status === 401;
    showNotice(
      messageOf(error),
      needsKey ? { words: "Enter a key", run: () => this.settings.open("key") } : { words: "Try again", run: again },
    );
  }
}

function isShown(element: Element | null): boolean {
  return element !== null && element !== document.body && element.getClientRects().length > 0;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const wait =
    error instanceof ApiError && error.retryAfterSeconds !== null ? ` Try again in ${error.retryAfterSeconds} s.` : "";
  return error.message + wait;
}
