import { describe, expect, it } from "vitest";
import { SseParser } from "./sse";

const stream =
  '\ufeff: hello\r\ndata: {"a":1}\r\n\r\nevent: x\ndata:two\ndata: lines\n\nid: 3\rdata\r\rdata: [DONE]\n\n';
const expected = ['{"a":1}', "two\nlines", "", "[DONE]"];

describe("SseParser", () => {
  it("gives the data of each event, with every kind of line end", () => {
    expect(new SseParser().push(stream)).toEqual(expected);
  });

  it("gives the same for every size of the pieces", () => {
    for (let size = 1; size < stream.length; ++size) {
      const parser = new SseParser();
      const events: string[] = [];
      for (let at = 0; at < stream.length; at += size) events.push(...parser.push(stream.slice(at, at + size)));
      expect(events, `pieces of ${size}`).toEqual(expected);
    }
  });

  it("does not give an event that was not ended", () => {
    expect(new SseParser().push("data: cut off\n")).toEqual([]);
  });

  it("takes one space from a value, and no more", () => {
    expect(new SseParser().push("data:  two spaces\n\n")).toEqual([" two spaces"]);
  });
});
