// Colours and type of the style sheet as a canvas takes them.

export const PALETTE = 8;

// A custom property as it stands may be light-dark(); the colour of an element is what became of it.
const probe = document.createElement("span");

export function colorOf(name: string): string {
  probe.hidden = true;
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

export function font(sizePx: number): string {
  return `${sizePx}px ${getComputedStyle(document.documentElement).getPropertyValue("--sans")}`;
}

export function lineColor(place: number): string {
  return colorOf(`--line-${(place % PALETTE) + 1}`);
}

/** Beyond the palette's end lines are dashed. */
export function lineDash(place: number): number[] {
  return [[], [7, 4], [2, 3]][Math.floor(place / PALETTE) % 3]!;
}
