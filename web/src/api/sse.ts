// Server-sent events as the WHATWG standard describes their text, from pieces cut anywhere.

export class SseParser {
  private rest = "";
  private data: string[] = [];
  private atStart = true;

  /** Takes the next piece of text; returns the data of every event that it completes. */
  push(text: string): string[] {
    if (this.atStart && text !== "") {
      this.atStart = false;
      if (text.startsWith("\ufeff")) text = text.slice(1);
    }
    this.rest += text;
    const events: string[] = [];
    for (;;) {
      const end = this.rest.search(/[\r\n]/);
      if (end < 0) break;
      // A CR at the very end may be the first half of a CRLF: wait for what follows.
      if (this.rest[end] === "\r" && end + 1 === this.rest.length) break;
      const line = this.rest.slice(0, end);
      const width = this.rest[end] === "\r" && this.rest[end + 1] === "\n" ? 2 : 1;
      this.rest = this.rest.slice(end + width);
      const event = this.takeLine(line);
      if (event !== null) events.push(event);
    }
    return events;
  }

  private takeLine(line: string): string | null {
    if (line === "") {
      if (this.data.length === 0) return null;
      const event = this.data.join("\n");
      this.data = [];
      return event;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value.startsWith(" ")) value = value.slice(1);
    if (field === "data") this.data.push(value); // comments, ids and event names say nothing to us
    return null;
  }
}
