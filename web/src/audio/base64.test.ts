import { describe, expect, it } from "vitest";
import { toBase64 } from "./base64";

describe("toBase64", () => {
  it.each([0, 1, 2, 3, 24575, 24576, 24577, 100_001])("of %i bytes is what Node.js says", (size) => {
    const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 31) & 255);
    expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
  });
});
