// An answer's Markdown as elements.

import { parseMarkdown, type Block, type Inline } from "../markdown/parse";
import { el } from "./dom";

export function markdownView(text: string): HTMLElement[] {
  return parseMarkdown(text).map(blockView);
}

function blockView(block: Block): HTMLElement {
  switch (block.kind) {
    case "paragraph":
      return el("p", {}, ...block.lines.flatMap((line, i) => [...(i > 0 ? [el("br")] : []), ...line.map(inlineView)]));
    case "heading":
      return el("p", { class: "answer-heading", role: "heading", "aria-level": 3 }, ...block.content.map(inlineView));
    case "code":
      return el("pre", { tabindex: 0 }, el("code", {}, block.text));
    case "list": {
      const items = block.items.map((item) => el("li", {}, ...item.map(inlineView)));
      return block.ordered ? el("ol", { start: block.start }, ...items) : el("ul", {}, ...items);
    }
  }
}

function inlineView(part: Inline): Node {
  const tags = { code: "code", strong: "strong", emphasis: "em" } as const;
  return part.kind === "text" ? document.createTextNode(part.text) : el(tags[part.kind], {}, part.text);
}
