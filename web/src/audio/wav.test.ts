import { describe, expect, it } from "vitest";
import { encodeWav } from "./wav";

const text = (bytes: Uint8Array, from: number, to: number) => String.fromCharCode(...bytes.slice(from, to));

describe("encodeWav", () => {
  const wav = encodeWav(new Float32Array([0, 0.5, -0.5, 1, -1, 2, -2, NaN]), 16000);
  const view = new DataView(wav.buffer);

  it("writes a header that says what follows", () => {
    expect(text(wav, 0, 4)).toBe("RIFF");
    expect(view.getUint32(4, true)).toBe(wav.length - 8);
    expect(text(wav, 8, 16)).toBe("WAVEfmt ");
    expect([view.getUint16(20, true), view.getUint16(22, true)]).toEqual([1, 1]);
    expect([view.getUint32(24, true), view.getUint32(28, true)]).toEqual([16000, 32000]);
    expect([view.getUint16(32, true), view.getUint16(34, true)]).toEqual([2, 16]);
    expect(text(wav, 36, 40)).toBe("data");
    expect(view.getUint32(40, true)).toBe(16);
    expect(wav.length).toBe(44 + 16);
  });

  it("keeps samples, and cuts what is too loud", () => {
    const samples = Array.from({ length: 8 }, (_, i) => view.getInt16(44 + 2 * i, true));
    expect(samples).toEqual([0, 16384, -16384, 32767, -32768, 32767, -32768, 0]);
  });

  it("can be empty", () => {
    expect(encodeWav(new Float32Array(0), 8000).length).toBe(44);
  });
});
