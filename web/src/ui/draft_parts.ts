// The sounds and texts of the question that is being written, in their order.

import type { Clip } from "../audio/clip";
import type { Part } from "../chat/conversation";
import { ClipView } from "./clip_view";
import { el } from "./dom";
import { icon, type IconName } from "./icons";

interface Item {
  element: HTMLLIElement;
  part(): Part;
  /** What gets the focus when the item does. */
  target: HTMLElement;
  up: HTMLButtonElement;
  down: HTMLButtonElement;
  remove: HTMLButtonElement;
  destroy(): void;
}

export class DraftParts {
  private items: Item[] = [];

  constructor(
    private readonly list: HTMLOListElement,
    private readonly onChange: () => void,
  ) {
    this.clear();
  }

  parts(): Part[] {
    return this.items.map((item) => item.part());
  }

  clipCount(): number {
    return this.parts().filter((part) => part.kind === "clip").length;
  }

  /** Back to one empty text, which has the focus if one of the parts had it. */
  clear(): void {
    const hadFocus = this.list.contains(document.activeElement);
    for (const item of this.items) item.destroy();
    this.items = [];
    this.list.replaceChildren();
    this.insert(this.makeText(""), 0);
    if (hadFocus) this.focusLastText();
  }

  /** Before whatever was written since; an empty text that stood alone goes. */
  putBack(parts: readonly Part[]): void {
    const [only] = this.items;
    const replaces = this.items.length === 1 && only !== undefined && isBlank(only.part());
    if (replaces) this.take(only);
    parts.forEach((part, at) =>
      this.insert(part.kind === "clip" ? this.makeClip(part.clip) : this.makeText(part.text), at),
    );
    if (!this.items.some(isText)) this.insert(this.makeText(""), this.items.length);
  }

  /** Sounds come before the text at the end: the question follows what it is about. */
  addClip(clip: Clip): void {
    const last = this.items.at(-1);
    const at = last !== undefined && isText(last) ? this.items.length - 1 : this.items.length;
    this.insert(this.makeClip(clip), at);
  }

  addText(): void {
    const item = this.makeText("");
    this.insert(item, this.items.length);
    item.target.focus();
  }

  setLastText(text: string): void {
    const field = this.items.filter(isText).at(-1)?.target as HTMLTextAreaElement | undefined;
    if (field === undefined) return;
    field.value = text;
    field.dispatchEvent(new Event("input"));
  }

  focusLastText(): void {
    this.items.filter(isText).at(-1)?.target.focus();
  }

  private makeClip(clip: Clip): Item {
    const buttons = makeButtons(clip.name);
    const view = new ClipView(clip, ...Object.values(buttons));
    const element = el("li", { class: "part" }, view.element);
    const target = view.element.querySelector("button") ?? buttons.remove;
    return this.listen({
      element,
      target,
      part: () => ({ kind: "clip", clip }),
      destroy: () => view.destroy(),
      ...buttons,
    });
  }

  private makeText(text: string): Item {
    const buttons = makeButtons("this text");
    const field = el("textarea", { rows: 1, placeholder: "Ask about the sound", "aria-label": "Your question" });
    field.value = text;
    const fit = () => {
      field.style.height = "auto";
      field.style.height = `${field.scrollHeight}px`;
    };
    field.addEventListener("input", () => {
      fit();
      this.onChange();
    });
    requestAnimationFrame(fit);
    const element = el(
      "li",
      { class: "part text" },
      field,
      el("span", { class: "part-actions" }, ...Object.values(buttons)),
    );
    return this.listen({
      element,
      target: field,
      part: () => ({ kind: "text", text: field.value }),
      destroy: () => undefined,
      ...buttons,
    });
  }

  private listen(item: Item): Item {
    item.up.addEventListener("click", () => this.move(item, -1));
    item.down.addEventListener("click", () => this.move(item, 1));
    item.remove.addEventListener("click", () => this.remove(item));
    return item;
  }

  private insert(item: Item, at: number): void {
    this.list.insertBefore(item.element, this.items[at]?.element ?? null);
    this.items.splice(at, 0, item);
    this.refresh();
  }

  private take(item: Item): number {
    const at = this.items.indexOf(item);
    this.items.splice(at, 1);
    item.destroy();
    item.element.remove();
    return at;
  }

  private remove(item: Item): void {
    const at = this.take(item);
    this.refresh();
    (this.items[at] ?? this.items.at(-1))?.target.focus();
  }

  private move(item: Item, by: -1 | 1): void {
    const at = this.items.indexOf(item);
    const other = this.items[at + by];
    if (other === undefined) return;
    this.items[at] = other;
    this.items[at + by] = item;
    // The other one is moved in the document, so that the focus and a sound that plays stay.
    if (by < 0) item.element.after(other.element);
    else item.element.before(other.element);
    this.refresh();
    const [pressed, opposite] = by < 0 ? [item.up, item.down] : [item.down, item.up];
    (pressed.disabled ? opposite : pressed).focus();
  }

  private refresh(): void {
    const texts = this.items.filter(isText);
    this.items.forEach((item, at) => {
      item.up.disabled = at === 0;
      item.down.disabled = at === this.items.length - 1;
      item.up.hidden = item.down.hidden = this.items.length === 1;
      item.remove.hidden = isText(item) && texts.length === 1;
    });
    this.onChange();
  }
}

function isText(item: Item): boolean {
  return item.part().kind === "text";
}

function isBlank(part: Part): boolean {
  return part.kind === "text" && part.text.trim() === "";
}

function makeButtons(name: string): Pick<Item, "up" | "down" | "remove"> {
  const button = (words: string, picture: IconName) =>
    el("button", { type: "button", class: "quiet icon-only", "aria-label": words, title: words }, icon(picture));
  return {
    up: button(`Move ${name} up`, "up"),
    down: button(`Move ${name} down`, "down"),
    remove: button(`Remove ${name}`, "close"),
  };
}
