// Colours of a spectrogram, from silence to the loudest, for both themes.

export type Theme = "light" | "dark";
type Rgba = [number, number, number, number];

// Hand-picked so that lightness runs one way: in the dark sound glows, on paper it is ink.
const STOPS: Record<Theme, string[]> = {
  dark: ["#101614", "#123431", "#17605a", "#3d9c82", "#c9c978", "#fff1bf"],
  light: ["#fcfbf7", "#e3eee2", "#a3cdbd", "#3f9488", "#12585a", "#0b2430"],
};

/** 256 colours with parts in [0, 1], as wavesurfer's spectrogram takes them. */
export function colormap(theme: Theme): Rgba[] {
  const stops = STOPS[theme].map(parse);
  return Array.from({ length: 256 }, (_, i) => {
    const position = (i / 255) * (stops.length - 1);
    const from = Math.min(Math.floor(position), stops.length - 2);
    return mix(stops[from]!, stops[from + 1]!, position - from);
  });
}

function parse(hex: string): Rgba {
  const part = (at: number) => parseInt(hex.slice(at, at + 2), 16) / 255;
  return [part(1), part(3), part(5), 1];
}

function mix(a: Rgba, b: Rgba, share: number): Rgba {
  const part = (i: 0 | 1 | 2) => a[i] + (b[i] - a[i]) * share;
  return [part(0), part(1), part(2), 1];
}
