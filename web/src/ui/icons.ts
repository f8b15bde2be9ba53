// Line drawings on a grid of 24, in the colour of the text; what follows a bar is filled. They stand beside words
// or labels, so they are hidden from readers.

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  play: "|M8 5v14l11-7z",
  pause: "M8 5v14M16 5v14",
  plus: "M12 5v14M5 12h14",
  microphone: "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM6 11a6 6 0 0 0 12 0M12 17v4",
  stop: "|M7 7h10v10H7z",
  text: "M5 6h14M12 6v13M9 19h6",
  terminal: "M4 6l6 6-6 6M12 18h8",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  ask: "M12 19V5M6 11l6-6 6 6",
  up: "M6 15l6-6 6 6",
  down: "M6 9l6 6 6-6",
  close: "M6 6l12 12M18 6L6 18",
  save: "M12 4v11M7 11l5 5 5-5M5 20h14",
  again: "M19 12a7 7 0 1 1-2.1-5M19 4v4h-4",
  settings: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M19 5l-1.4 1.4M6.4 17.6L5 19",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  auto: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z|M12 4a8 8 0 0 1 0 16z",
  warning: "M12 4l9 16H3zM12 10v4M12 17v.01",
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  PATHS[name].split("|").forEach((lines, at) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", lines);
    if (at === 1) path.setAttribute("fill", "currentColor");
    svg.append(path);
  });
  return svg;
}

/** Puts an icon before the words of a button, or in their place. */
export function setIcon(button: HTMLElement, name: IconName, words?: string): void {
  const label = document.createElement("span");
  label.className = "words";
  label.textContent = words ?? "";
  button.replaceChildren(icon(name), ...(words === undefined ? [] : [label]));
}
