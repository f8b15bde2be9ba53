// Real recordings for a first try, with questions that the small model of the repository can answer.
// From the Free Spoken Digit Dataset, CC BY-SA 4.0 (samples/README.md).

import fourDigits from "../../samples/five-zero-nine-two.wav?url";
import threeVoices from "../../samples/three-seven-one.wav?url";

export interface Sample {
  url: string;
  /** Does not give away what is heard. */
  title: string;
  fileName: string;
  questions: readonly string[];
}

export const SAMPLES: readonly Sample[] = [
  {
    url: fourDigits,
    title: "One voice, a few digits",
    fileName: "five-zero-nine-two.wav",
    questions: ["Which digits are spoken?", "What is the sum of the digits?", "Which digit is the largest?"],
  },
  {
    url: threeVoices,
    title: "Some digits, some voices",
    fileName: "three-seven-one.wav",
    questions: ["Does one person speak all digits?", "How many digits are spoken?", "What is the sum of the digits?"],
  },
];

/** Rejects with one plain sentence if the server does not answer. */
export async function loadSample(sample: Sample): Promise<File> {
  const reply = await fetch(sample.url).catch(() => null);
  if (reply === null || !reply.ok) throw new Error(`The sample ${sample.fileName} could not be loaded.`);
  return new File([await reply.arrayBuffer()], sample.fileName, { type: "audio/wav" });
}
