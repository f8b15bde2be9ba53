import { describe, expect, it } from "vitest";
import { colormap } from "./colormap";

const luminance = ([r, g, b]: number[]) => 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;

describe.each(["dark", "light"] as const)("colormap of the %s theme", (theme) => {
  const colours = colormap(theme);

  it("has the 256 colours that the spectrogram needs", () => {
    expect(colours.length).toBe(256);
    for (const colour of colours) for (const part of colour) expect(part >= 0 && part <= 1).toBe(true);
  });

  it("runs from the background one way, so that louder is never mistaken for softer", () => {
    const direction = theme === "dark" ? 1 : -1;
    for (let i = 1; i < 256; ++i)
      expect(direction * (luminance(colours[i]!) - luminance(colours[i - 1]!)), `colour ${i}`).toBeGreaterThan(0);
  });
});
