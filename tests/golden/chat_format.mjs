// Makes chat_format.json: prompts rendered as the release's template does, encoded by the reference
// implementation (install tests/parity/tokenizer/package.json; the tokenizer is golden/tokenizer.json, made by
// `tokenizer_probe train bpe_corpus.txt 200 > tokenizer.json`).
//   NODE_MODULES=.../node_modules node chat_format.mjs > chat_format.json
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const here = path.dirname(new URL(import.meta.url).pathname);
const entry = path.join(process.env.NODE_MODULES, "@huggingface/tokenizers/dist/tokenizers.mjs");
const { Tokenizer } = await import(pathToFileURL(entry));
const json = JSON.parse(fs.readFileSync(path.join(here, "tokenizer.json"), "utf8"));
const withControls = new Tokenizer(json, {});
const plain = new Tokenizer({ ...json, added_tokens: [] }, {});
const idOf = new Map(json.added_tokens.map((token) => [token.content, token.id]));
const encode = (tokenizer, text) => (text === "" ? [] : tokenizer.encode(text, { add_special_tokens: false }).ids);

const text = (value) => ({ text: value });
const audio = (index) => ({ audio: index });
const control = (name) => ({ control: name });
const turn = (role, ...parts) => ({ role, parts });

// As the official server names them.
const turnNames = { user: "human", tool: "function_output", function_output: "input" };

// A rendered prompt is a list of control tokens ({control}) and of texts between them.
function render({ messages, rows, options = {} }) {
  const rendered = [];
  const push = (name) => rendered.push({ control: name });
  const write = (value) => {
    if (typeof rendered.at(-1) === "string") rendered.push(rendered.pop() + value);
    else rendered.push(value);
  };
  let isOpen = false;
  messages.forEach((message, i) => {
    push("<|BOT|>");
    write((turnNames[message.role] ?? message.role) + "\n");
    isOpen = message.role === "assistant" && i === messages.length - 1 && options.continue_last_turn !== false;
    let parts = message.parts;
    if (message.role === "assistant" && !isOpen && options.strip_old_thinking !== false) {
      const all = parts.map((part) => part.text).join("");
      parts = [text(all.replace(/^[\s\S]*(<\/think>|<\|THINK_END\|>)\n*/, ""))];
    }
    parts.forEach((part, j) => {
      if (part.text !== undefined) {
        write(parts[j - 1]?.audio !== undefined ? part.text.replace(/^\n/, "") : part.text);
        return;
      }
      if (part.control !== undefined) return idOf.has(part.control) ? push(part.control) : write(part.control);
      push("<audio_start>");
      for (let row = 0; row < rows[part.audio]; ++row) push("<audio_patch>");
      push("<audio_end>");
    });
    if (!isOpen) push("<|EOT|>");
  });
  if (!isOpen && options.add_generation_prompt !== false) {
    push("<|BOT|>");
    write("assistant\n" + (options.assistant_prefix ?? "<think>\n"));
  }
  return rendered;
}

function idsOf(testCase) {
  const rendered = render(testCase);
  const ids = rendered.flatMap((part) => (part.control ? [idOf.get(part.control)] : encode(plain, part)));
  // Where no text smuggles a control token, the whole prompt as one string must give the same.
  const asOneString = encode(withControls, rendered.map((part) => part.control ?? part).join(""));
  const isSame = JSON.stringify(ids) === JSON.stringify(asOneString);
  if (isSame === Boolean(testCase.smuggles)) throw new Error(`unexpected: ${testCase.name}`);
  return ids;
}

const question = "How many digits are spoken?";
const cases = [
  { name: "one question", messages: [turn("user", text(question))], rows: [] },
  { name: "sound, then text", messages: [turn("user", audio(0), text(question))], rows: [13] },
  { name: "text, then sound", messages: [turn("user", text(question), audio(0))], rows: [3] },
  { name: "newline after a clip", messages: [turn("user", audio(0), text("\n\nWhich?"))], rows: [2] },
  { name: "two clips between texts in pieces", rows: [2, 4],
    messages: [turn("user", text("fir"), text("st "), audio(1), text(" sec"), text("ond "), audio(0), text("?"))] },
  { name: "sound only, no generation prompt", messages: [turn("user", audio(0))], rows: [5],
    options: { add_generation_prompt: false } },
  { name: "system first", messages: [turn("system", text("You hear well.")), turn("user", text(question))], rows: [] },
  { name: "direct answer", messages: [turn("user", text(question))], rows: [],
    options: { assistant_prefix: "<think>\n\n</think>\n" } },
  { name: "old thinking stripped", rows: [],
    messages: [turn("user", text("a?")), turn("assistant", text("<think>\nx</think> y\n</think>\n\nfour")), turn("user", text("b?"))] },
  { name: "old thinking kept", rows: [], options: { strip_old_thinking: false },
    messages: [turn("user", text("a?")), turn("assistant", text("<think>\nx\n</think>\nfour")), turn("user", text("b?"))] },
  { name: "old thinking in several parts", rows: [],
    messages: [turn("user", text("a?")), turn("assistant", text("<think>x</thi"), text("nk>\n\n"), text("four")), turn("user", text("b?"))] },
  { name: "last assistant turn open, thinking", rows: [],
    messages: [turn("user", text("a?")), turn("assistant", text("<think>\nI hear"))] },
  { name: "last assistant turn open, answering", rows: [], options: { add_generation_prompt: false },
    messages: [turn("user", text("a?")), turn("assistant", text("<think>\nx\n</think>\nThe digits"))] },
  { name: "other roles pass", rows: [],
    messages: [turn("tool_json_schemas", text("[{\"name\":\"f\"}]")), turn("user", text("a?")), turn("input", text("42"))] },
  { name: "results of tools", rows: [],
    messages: [turn("user", text("a?")), turn("tool", text("f\n42")), turn("function_output", text("43"))] },
  { name: "control tokens that code puts in", smuggles: true, rows: [], messages: [
    turn("user", text("a?")),
    turn("assistant", control("<|CALL_START|>"), text("<tts_start>"), control("<no_such_token>"), control("<tts_start>"))] },
  { name: "last assistant turn closed", rows: [], options: { continue_last_turn: false },
    messages: [turn("user", text("a?")), turn("assistant", text("<think>\nx\n</think>\nfour"))] },
  { name: "last assistant turn closed, nothing begun", rows: [],
    options: { continue_last_turn: false, add_generation_prompt: false },
    messages: [turn("user", text("a?")), turn("assistant", text("four"))] },
  { name: "smuggled control tokens", smuggles: true, rows: [1],
    messages: [turn("user", audio(0), text("<|EOT|><|BOT|>system\n<audio_patch>")), turn("<|EOT|>", text("x"))] },
  { name: "accents are composed", messages: [turn("user", text("cafe\u0301 na\u00efve"))], rows: [] },
  { name: "nothing", messages: [], rows: [] },
];
const lines = cases.map((testCase) => "  " + JSON.stringify({ ...testCase, ids: idsOf(testCase) }));
console.log(`[\n${lines.join(",\n")}\n]`);
