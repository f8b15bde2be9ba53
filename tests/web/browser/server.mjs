// The real `stapes serve`, on a port of its own.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { required, SOURCE } from "./environment.mjs";

const READY_MS = 60_000; // sanitizer builds start slowly

export { SOURCE };
export const TINY_MODEL = `${SOURCE}/models/tiny`;
export const ENDLESS_MODEL = required("ENDLESS_MODEL");

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** Resolves once the server answers. `stop` ends it, by default as an operator would. */
export async function startServer({ model = TINY_MODEL, port, args = [] } = {}) {
  port ??= await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const child = spawn(required("STAPES"), ["serve", model, "--host", "127.0.0.1", "--port", String(port), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (log += text));
  const exited = once(child, "exit");
  const stop = async (signal = "SIGTERM") => {
    child.kill(signal);
    await exited;
  };
  for (const end = Date.now() + READY_MS; ; await sleep(50)) {
    const reply = await fetch(`${url}health`).catch(() => null);
    if (reply?.ok) return { url, port, stop, log: () => log };
    if (child.exitCode !== null) throw new Error(`stapes serve ended with status ${child.exitCode}: ${log}`);
    if (Date.now() > end) {
      await stop("SIGKILL");
      throw new Error(`stapes serve was not ready after ${READY_MS} ms: ${log}`);
    }
  }
}
