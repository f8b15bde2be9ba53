// The few marks of Markdown that models write in answers. Whatever is not one of them stays as it was written.

export type Inline = { kind: "text" | "code" | "strong" | "emphasis"; text: string };
export type Block =
  | { kind: "paragraph"; lines: Inline[][] }
  | { kind: "heading"; content: Inline[] }
  | { kind: "list"; ordered: boolean; start: number; items: Inline[][] }
  | { kind: "code"; text: string };

const FENCE = /^\s*```/;
const HEADING = /^#{1,6}\s+(.*)$/;
const ITEM = /^\s*(?:[-*•]|(\d{1,9})[.)])\s+(.*)$/;

export function parseMarkdown(text: string): Block[] {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!;
    if (line.trim() === "") ++at;
    else if (FENCE.test(line)) at = takeCode(lines, at, blocks);
    else if (HEADING.test(line)) {
      blocks.push({ kind: "heading", content: parseInline(HEADING.exec(line)![1]!) });
      ++at;
    } else if (ITEM.test(line)) at = takeList(lines, at, blocks);
    else at = takeParagraph(lines, at, blocks);
  }
  return blocks;
}

/** `code`, **strong**, *emphasis*; an open mark without its end is text. */
export function parseInline(text: string): Inline[] {
  const marks = /`([^`]+)`|\*\*(\S(?:.*?\S)?)\*\*|(?<!\*)\*([^\s*](?:[^*]*[^\s*])?)\*(?!\*)/g;
  const parts: Inline[] = [];
  let end = 0;
  for (const match of text.matchAll(marks)) {
    if (match.index > end) parts.push({ kind: "text", text: text.slice(end, match.index) });
    const [whole, code, strong, emphasis] = match;
    if (code !== undefined) parts.push({ kind: "code", text: code });
    else if (strong !== undefined) parts.push({ kind: "strong", text: strong });
    else parts.push({ kind: "emphasis", text: emphasis ?? "" });
    end = match.index + whole.length;
  }
  if (end < text.length) parts.push({ kind: "text", text: text.slice(end) });
  return parts;
}

// Each take... adds the block that begins at `at`, and returns the line after it.

function takeCode(lines: string[], at: number, blocks: Block[]): number {
  let end = at + 1;
  while (end < lines.length && !FENCE.test(lines[end]!)) ++end; // an unfinished one runs to the end
  blocks.push({ kind: "code", text: lines.slice(at + 1, end).join("\n") });
  return end + 1;
}

function takeList(lines: string[], at: number, blocks: Block[]): number {
  const first = ITEM.exec(lines[at]!)![1];
  const ordered = first !== undefined;
  const items: Inline[][] = [];
  for (; at < lines.length; ++at) {
    const match = ITEM.exec(lines[at]!);
    if (match === null || (match[1] !== undefined) !== ordered) break;
    items.push(parseInline(match[2]!));
  }
  blocks.push({ kind: "list", ordered, start: Number(first ?? 1), items });
  return at;
}

function takeParagraph(lines: string[], at: number, blocks: Block[]): number {
  let end = at + 1;
  const endsIt = (line: string) => line.trim() === "" || [FENCE, HEADING, ITEM].some((mark) => mark.test(line));
  while (end < lines.length && !endsIt(lines[end]!)) ++end;
  blocks.push({ kind: "paragraph", lines: lines.slice(at, end).map(parseInline) });
  return end;
}
