// The samples of the first visit: listen, then choose a question.

import { clipFromFile, type Clip } from "../audio/clip";
import { SAMPLES, loadSample, type Sample } from "../samples";
import { ClipView } from "./clip_view";
import { byId, el } from "./dom";

export async function showSampleCards(ask: (sample: Sample, clip: Clip, question: string) => void): Promise<void> {
  const cards = await Promise.all(
    SAMPLES.map(async (sample) => {
      const clip = await clipFromFile(await loadSample(sample)).catch(() => null);
      return clip && makeCard(sample, clip, ask);
    }),
  );
  byId("samples").replaceChildren(...cards.filter((card) => card !== null));
}

function makeCard(
  sample: Sample,
  clip: Clip,
  ask: (sample: Sample, clip: Clip, question: string) => void,
): HTMLElement {
  const chips = sample.questions.map((question) =>
    el("button", { type: "button", class: "chip", onclick: () => ask(sample, clip, question) }, question),
  );
  return el(
    "section",
    { class: "sample", "aria-label": sample.title },
    el("h3", {}, sample.title),
    new ClipView(clip).element,
    el("div", { class: "chips" }, ...chips),
  );
}
