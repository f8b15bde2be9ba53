// Elements in one expression. Nothing here, or anywhere on the page, turns text into markup.

type Attributes = Record<string, string | number | boolean | ((event: never) => void)>;
type Child = Node | string | null;

/**
 * el("button", { type: "button", class: "quiet", "aria-pressed": "false", onclick: f }, "Record").
 * A function becomes a listener; true becomes an empty attribute, false none.
 */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else if (value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** An element of index.html. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no element "${id}"`);
  return element as T;
}

let lastId = 0;
export function newId(prefix: string): string {
  return `${prefix}-${++lastId}`;
}

export function reducedMotion(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
