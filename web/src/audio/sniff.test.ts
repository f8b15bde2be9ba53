import { describe, expect, it } from "vitest";
import { sniffFormat } from "./sniff";

const bytes = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

describe("sniffFormat", () => {
  it.each([
    ["RIFF\0\0\0\0WAVE", "wav"],
    ["RIFX\0\0\0\0WAVE", "wav"],
    ["RIFF\0\0\0\0AVI ", null],
    ["fLaC", "flac"],
    ["OggS", "ogg"],
    ["FORM\0\0\0\0AIFC", "aiff"],
    ["ID3\x04", "mp3"],
    ["\xff\xfb\x90", "mp3"],
    ["\xff\xf1\x50", null], // AAC
    ["\x1aE\xdf\xa3", null], // WebM
    ["\0\0\0\x20ftypM4A ", null],
    ["", null],
  ])("%j is %s", (start, format) => {
    expect(sniffFormat(bytes(start))).toBe(format);
  });
});
