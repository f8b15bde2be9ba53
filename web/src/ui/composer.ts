// Where a question is put together: sounds from files, drops, the clipboard and the microphone, and texts.

import { clipFromFile, type Clip } from "../audio/clip";
import { withoutEmptyParts, type Part } from "../chat/conversation";
import { announce } from "./announcer";
import { byId, el } from "./dom";
import { DraftParts } from "./draft_parts";
import { setIcon } from "./icons";
import { hideNotice, showNotice } from "./notice";
import { RecordButton } from "./record_button";

export interface ComposerEvents {
  ask(parts: Part[]): void;
  stop(): void;
  copyCurl(parts: Part[]): void;
}

export class Composer {
  private readonly form = byId<HTMLFormElement>("composer");
  private readonly askButton = byId<HTMLButtonElement>("ask");
  private readonly stopButton = byId<HTMLButtonElement>("stop");
  private readonly addButton = byId("add-sound");
  private readonly addTextButton = byId<HTMLButtonElement>("add-text");
  private readonly suggestions = byId("suggestions");
  private readonly draft: DraftParts;
  private busy = false;

  constructor(private readonly events: ComposerEvents) {
    this.draft = new DraftParts(byId<HTMLOListElement>("parts"), () => this.onDraftChange());
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.form.addEventListener("keydown", (event) => this.onKey(event));
    this.stopButton.addEventListener("click", () => events.stop());
    setIcon(this.askButton, "ask", "Ask");
    setIcon(this.stopButton, "stop", "Stop");
    this.listenToButtons();
    this.listenToDrops();
    new RecordButton(byId("record"), (clip) => this.addClip(clip), showNotice);
  }

  clear(): void {
    this.draft.clear();
  }

  putBack(parts: readonly Part[]): void {
    this.draft.putBack(parts);
  }

  addClip(clip: Clip): void {
    hideNotice();
    this.draft.addClip(clip);
    announce(`${clip.name} added`);
    if (matchMedia("(pointer: fine)").matches) this.draft.focusLastText(); // on a phone a keyboard would cover the sound
    this.form.scrollIntoView({ block: "end" });
  }

  focus(): void {
    this.draft.focusLastText();
  }

  setBusy(busy: boolean): void {
    const hadFocus = document.activeElement === this.askButton || document.activeElement === this.stopButton;
    this.busy = busy;
    this.askButton.hidden = busy;
    this.stopButton.hidden = !busy;
    if (hadFocus && busy) this.stopButton.focus();
    if (hadFocus && !busy) this.focus();
  }

  suggest(questions: readonly string[], choose: (question: string) => void): void {
    this.suggestions.hidden = questions.length === 0;
    this.suggestions.replaceChildren(
      ...questions.map((question) =>
        el("button", { type: "button", class: "chip", onclick: () => choose(question) }, question),
      ),
    );
  }

  submit(): void {
    if (this.busy) return;
    const parts = withoutEmptyParts(this.draft.parts());
    if (parts.length === 0) {
      showNotice("Write a question or add a sound first.");
      this.focus();
      return;
    }
    this.events.ask(parts);
  }

  private onDraftChange(): void {
    const hasClips = (this.draft?.clipCount() ?? 0) > 0; // the first change comes while the draft is made
    this.addTextButton.hidden = !hasClips;
    this.form.classList.toggle("with-clips", hasClips);
  }

  // Enter while an input method composes a word belongs to that word.
  private onKey(event: KeyboardEvent): void {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    if (!(event.target instanceof HTMLTextAreaElement)) return;
    event.preventDefault();
    this.submit();
  }

  private listenToButtons(): void {
    const files = byId<HTMLInputElement>("files");
    setIcon(this.addButton, "plus", "Add sound");
    this.addButton.addEventListener("click", () => files.click());
    files.addEventListener("change", () => {
      void this.addFiles([...(files.files ?? [])]);
      files.value = ""; // so that the same file can be chosen again
    });
    setIcon(this.addTextButton, "text", "Add text");
    this.addTextButton.addEventListener("click", () => this.draft.addText());
    const copy = byId("copy-curl");
    setIcon(copy, "terminal", "Copy as curl");
    copy.addEventListener("click", () => this.events.copyCurl(withoutEmptyParts(this.draft.parts())));
  }

  private listenToDrops(): void {
    const target = byId("drop-target");
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    document.addEventListener("dragover", (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      target.hidden = false;
    });
    document.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) target.hidden = true; // out of the window
    });
    document.addEventListener("drop", (event) => {
      target.hidden = true;
      if (!hasFiles(event)) return;
      event.preventDefault();
      void this.addFiles([...(event.dataTransfer?.files ?? [])]);
    });
    document.addEventListener("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length === 0) return;
      event.preventDefault();
      void this.addFiles(files);
    });
  }

  private async addFiles(files: File[]): Promise<void> {
    const problems: string[] = [];
    setIcon(this.addButton, "plus", "Reading"); // long sounds take seconds
    for (const file of files) {
      try {
        this.addClip(await clipFromFile(file));
      } catch (error) {
        problems.push(error instanceof Error ? error.message : String(error));
      }
    }
    setIcon(this.addButton, "plus", "Add sound");
    if (problems.length > 0) showNotice(problems.join(" "));
  }
}
