// make_hostile.mjs SOURCE_TREE: a run of MGRD, ./hostile, all of whose texts try to become markup.
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";

const [, , source] = process.argv;
const HOSTILE =
  '</script><script>document.title="broken"</script><img src=x onerror="document.title=\'broken\'"> <!-- &lt; {{STAPES_DATA}} \u2028 \u202e';

function line(objects) {
  return objects.map((object) => `${JSON.stringify(object)}\n`).join("");
}

mkdirSync("hostile/round-1/clips", { recursive: true });
mkdirSync("hostile/round-2", { recursive: true });
copyFileSync(`${source}/samples/six-four.wav`, "hostile/round-1/clips/six-four.wav");
writeFileSync("hostile/recipe.toml", `name = '''${HOSTILE}'''\n`);
writeFileSync("hostile/manifest.json", JSON.stringify({ stage: "mgrd", steps: [HOSTILE] }));
writeFileSync("hostile/selection.json", JSON.stringify({ histogram: [12, 3, 40, 8, 99], kept: [1, 2, 3] }));
writeFileSync("hostile/test.csv", `step,${HOSTILE.replaceAll(",", "")},accuracy\n0,1,0.5\n1,2,0.75\n2,nan,1\n`);
const funnel = (replies, ...counts) => ({
  replies,
  dropped: Object.fromEntries(
    ["whole", "reasoning", "hears", "right", "names-sound", "no-text", "true-claims", "coherent", "judged"].map(
      (stage, i) => [stage, counts[i] ?? 0],
    ),
  ),
  kept: replies - counts.reduce((sum, n) => sum + n, 0),
  claims: { true: 700, false: 120, uncheckable: 60 },
  surrogates: counts[5],
  left_out: { duplicates: 20, [HOSTILE]: 1 },
});
writeFileSync("hostile/round-1/funnel.json", JSON.stringify(funnel(512, 12, 30, 4, 140, 9, 41, 60, 22)));
writeFileSync("hostile/round-2/funnel.json", JSON.stringify(funnel(512, 3, 8, 0, 88, 2, 6, 31, 9)));
const thinking = `First I hear 6, second 4. ${HOSTILE} 6 + 4 = 11.`;
const claim = (text, verdict) => {
  const begin = Buffer.byteLength(thinking.slice(0, thinking.indexOf(text))); // places are bytes
  return { kind: "digit", begin, end: begin + Buffer.byteLength(text), verdict, reason: `${verdict}: ${HOSTILE}` };
};
const claims = [claim("First I hear 6", "true"), claim("second 4", "false"), claim("6 + 4", "uncheckable")];
writeFileSync(
  "hostile/round-1/examples.jsonl",
  line(
    ["clips/six-four.wav", "clips/none.wav", "../recipe.toml", "", "clips/six-four.wav"].map((audio, i) => ({
      question: `What is the sum of the digits? ${i === 1 ? HOSTILE : ""}`,
      task: "sum",
      right: "10",
      audio,
      before: { thinking: "The speaker says so.", answer: "3", report: { stage: "no-text", reason: HOSTILE, claims: [] } },
      after: { thinking, answer: i === 1 ? HOSTILE : "10", report: { stage: "kept", reason: "", claims } },
    })),
  ),
);
writeFileSync(
  "hostile/completions.jsonl",
  line(
    Array.from({ length: 40 }, (_, i) => ({
      step: 1 + Math.floor(i / 10),
      id: `sum/${i}${i === 0 ? HOSTILE : ""}`,
      task: i % 2 ? "sum" : "largest",
      prompt: `<audio>${HOSTILE}`,
      text: `${HOSTILE}\n</think>\n${HOSTILE} number ${i}`,
      tokens: 10 + i,
      stop: i % 7 === 0 ? "length" : "stop",
      answer: HOSTILE,
      reward: i % 3 === 0 ? null : i % 2,
      parts: i % 3 === 0 ? {} : { accuracy: i % 2, [HOSTILE]: 1 },
    })),
  ),
);
