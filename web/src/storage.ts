// What the browser keeps. Where it keeps nothing (private windows, full disks) the page works all the same.

export function loadLocal(key: string): string | null {
  return attempt(() => localStorage.getItem(key));
}

export function saveLocal(key: string, value: string): void {
  attempt(() => localStorage.setItem(key, value));
}

/** Until the tab is closed. */
export function loadForTab(key: string): string | null {
  return attempt(() => sessionStorage.getItem(key));
}

export function saveForTab(key: string, value: string): void {
  attempt(() => sessionStorage.setItem(key, value));
}

function attempt<T>(action: () => T): T | null {
  try {
    return action();
  } catch {
    return null;
  }
}
