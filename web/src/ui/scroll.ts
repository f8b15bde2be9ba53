// Keeps the end of the page in sight while an answer grows, unless the reader has scrolled away from it.

const NEAR_PX = 160;

export function keepEndInSight(): void {
  const root = document.documentElement;
  const below = root.scrollHeight - root.scrollTop - root.clientHeight;
  if (below > 0 && below < NEAR_PX) root.scrollTop = root.scrollHeight;
}
