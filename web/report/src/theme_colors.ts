// Colours of the style sheet as a canvas takes them.

export const PALETTE = 8;

export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function lineColor(place: number): string {
  return token(`--line-${(place % PALETTE) + 1}`);
}

/** Beyond the palette's end lines are dashed. */
export function lineDash(place: number): number[] {
  return [[], [7, 4], [2, 3]][Math.floor(place / PALETTE) % 3]!;
}
