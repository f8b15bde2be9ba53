import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Clip } from "../audio/clip";
import type { ChatRequest } from "./conversation";
import { curlCommand } from "./curl";
import { requestJson } from "./request_json";

// The command is given to a real shell; in place of curl stands a script that says what curl was given.
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "curl-test-"));
  writeFileSync(join(folder, "curl"), '#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done >arguments\ncat\n');
  chmodSync(join(folder, "curl"), 0o755);
});
afterAll(() => rmSync(folder, { recursive: true }));

function run(command: string): string {
  const environment = { PATH: `${folder}:${process.env["PATH"]}`, STAPES_API_KEY: "secret" };
  return execFileSync("sh", ["-eu", "-c", command], { cwd: folder, env: environment, encoding: "utf8" });
}

function clip(name: string, size: number): Clip {
  const bytes = Uint8Array.from({ length: size }, (_, i) => (i * 7) & 255);
  writeFileSync(join(folder, name), bytes);
  const base64 = () => Buffer.from(bytes).toString("base64");
  return { id: 1, name, bytes, format: "wav", samples: null, madeHere: false, base64 };
}

const url = "http://127.0.0.1:9999/v1/chat/completions";

describe("curlCommand", () => {
  it("sends what the page sends, whatever the words and the names of files", () => {
    const request: ChatRequest = {
      model: "tiny",
      messages: [
        { role: "system", content: "costs $5 `date` \\n $(date) \u0000 0" },
        {
          role: "user",
          content: [
            { kind: "clip", clip: clip("it's $HOME.wav", 4000) },
            { kind: "text", text: '"Which"\nJSON\n\u0000' },
          ],
        },
        { role: "assistant", content: "5 0 9 2" },
        {
          role: "user",
          content: [
            { kind: "text", text: "And\\here?" },
            { kind: "clip", clip: clip("-two words", 5) },
          ],
        },
      ],
      options: { temperature: 0, top_k: 5 },
    };
    const body = JSON.parse(run(curlCommand(request, url, false)));
    expect(body).toEqual(requestJson(request, (sound) => sound.base64()));
    expect(execFileSync("cat", [join(folder, "arguments")], { encoding: "utf8" })).toBe(
      `-sS\n--no-buffer\n${url}\n-H\nContent-Type: application/json\n--data-binary\n@-\n`,
    );
  });

  it("takes the key from the environment and does not show it", () => {
    const request: ChatRequest = { model: "m", messages: [{ role: "user", content: "Hi" }], options: {} };
    const command = curlCommand(request, url, true);
    expect(command).toContain('"Authorization: Bearer $STAPES_API_KEY"');
    run(command);
    expect(execFileSync("cat", [join(folder, "arguments")], { encoding: "utf8" })).toContain(
      "\nAuthorization: Bearer secret\n",
    );
  });
});
