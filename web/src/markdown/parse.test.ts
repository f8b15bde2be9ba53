import { describe, expect, it } from "vitest";
import { parseInline, parseMarkdown } from "./parse";

describe("parseInline", () => {
  it("finds code, strong and emphasis", () => {
    expect(parseInline("a `b*c*` **d e** *f*.")).toEqual([
      { kind: "text", text: "a " },
      { kind: "code", text: "b*c*" },
      { kind: "text", text: " " },
      { kind: "strong", text: "d e" },
      { kind: "text", text: " " },
      { kind: "emphasis", text: "f" },
      { kind: "text", text: "." },
    ]);
  });

  it.each(["3 * 4 * 5", "**open", "`open", "a ** b ** c", "<b>x</b> &amp;"])("leaves %j as it is", (text) => {
    expect(parseInline(text)).toEqual([{ kind: "text", text }]);
  });
});

describe("parseMarkdown", () => {
  it("finds blocks", () => {
    const text = "# Title\nOne\ntwo\n\n- a\n* b\n3. c\n4) d\n```js\n# no title\n\n```\nend";
    const plain = (text: string) => [{ kind: "text", text }];
    expect(parseMarkdown(text)).toEqual([
      { kind: "heading", content: plain("Title") },
      { kind: "paragraph", lines: [plain("One"), plain("two")] },
      { kind: "list", ordered: false, start: 1, items: [plain("a"), plain("b")] },
      { kind: "list", ordered: true, start: 3, items: [plain("c"), plain("d")] },
      { kind: "code", text: "# no title\n" },
      { kind: "paragraph", lines: [plain("end")] },
    ]);
  });

  it("loses no word of a text that is cut anywhere", () => {
    const text = "# T\n- a *b*\n\n```\nc `d`\n```\n1. **e** f\nlast";
    for (let end = 0; end <= text.length; ++end) {
      const words = JSON.stringify(parseMarkdown(text.slice(0, end)));
      for (const letter of text.slice(0, end).match(/\b[a-f]\b/g) ?? []) expect(words).toContain(letter);
    }
  });

  it("is quick on long lines of marks", () => {
    const start = performance.now();
    parseMarkdown("*a **b ".repeat(5000));
    expect(performance.now() - start).toBeLessThan(2000);
  });
});
