// A request as a command line for a POSIX shell. Sounds are read from files by their names, so that the
// command stays short enough to read and to change.

import type { ChatRequest } from "./conversation";
import { requestJson } from "./request_json";

export function curlCommand(request: ChatRequest, url: string, withKey: boolean): string {
  const body = shellBody(request);
  const end = unusedWord("JSON", body);
  const lines = [`curl -sS --no-buffer ${quoted(url)}`, "-H 'Content-Type: application/json'"];
  if (withKey) lines.push('-H "Authorization: Bearer $STAPES_API_KEY"');
  lines.push(`--data-binary @- <<${end}`);
  return `${lines.join(" \\\n  ")}\n${body}\n${end}\n`;
}

// The JSON as a here-document in which each sound is a command that reads its file.
function shellBody(request: ChatRequest): string {
  const mark = unusedWord("SOUND", JSON.stringify(requestJson(request, () => "")));
  const names: string[] = [];
  const json = JSON.stringify(
    requestJson(request, (clip) => `${mark}${names.push(clip.name) - 1};`),
    null,
    1,
  );
  return json
    .replace(/[\\$`]/g, "\\$&") // the shell reads these in a here-document
    .replace(
      new RegExp(`${mark}(\\d+);`, "g"),
      (_, at) => `$(base64 < ${quoted(names[Number(at)] ?? "")} | tr -d '\\n')`,
    );
}

// One word for the shell, whatever it holds. A leading dash is no option for a redirection.
function quoted(word: string): string {
  return `'${word.replace(/'/g, `'\\''`)}'`;
}

function unusedWord(word: string, text: string): string {
  while (text.includes(word)) word += "_";
  return word;
}
