// What a screen reader is told when nothing that has the focus changes.

import { byId } from "./dom";

export function announce(words: string): void {
  byId("announcer").textContent = words;
}
