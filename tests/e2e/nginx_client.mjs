// nginx_client.mjs SIGNAL: twelve clients ask through the proxy, half of them for streams; in the middle SIGNAL goes to
// one of the two servers, whose answers are streaming at that moment. Every request must end in a way that its client
// can see, and what is whole must be what a server says when it is asked alone. Prints how the requests ended.
//   PROXY_SOCKET, CA_FILE   the proxy's socket, and the certificate that it must show
//   SURVIVOR, VICTIM        the servers' URLs; each says its name (survivor, victim) as `model`
//   VICTIM_PID
import fs from "node:fs";
import http from "node:http";
import https from "node:https";

const signal = process.argv[2];
const env = process.env;
const host = "stapes.example.org";
const clients = 12;
const wholeAnswersBefore = 12; // the signal
const wholeAnswersAfter = 30;
const silenceLimitMs = 60_000;
const mostRequests = 3000;

const agent = new https.Agent({ keepAlive: true });
const proxy = { agent, socketPath: env.PROXY_SOCKET, ca: fs.readFileSync(env.CA_FILE), servername: host };

// Long enough that nginx chooses by clip, short enough that the load is in the answers.
function silence(samples) {
  const wav = Buffer.alloc(44 + 2 * samples);
  wav.write("RIFF");
  wav.writeUInt32LE(wav.length - 8, 4);
  wav.write("WAVEfmt ", 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt32LE(0x10001, 20);
  wav.writeUInt32LE(16_000, 24);
  wav.writeUInt32LE(32_000, 28);
  wav.writeUInt32LE(0x100002, 32);
  wav.write("data", 36);
  wav.writeUInt32LE(2 * samples, 40);
  return wav.toString("base64");
}

const cases = Array.from({ length: 8 }, (_, i) => ({
  messages: [
    {
      role: "user",
      content: [
        ...(i % 2 ? [{ type: "input_audio", input_audio: { format: "wav", data: silence(6000 + i) } }] : []),
        { type: "text", text: `Question ${i}` },
      ],
    },
  ],
  seed: i,
  temperature: i % 2, // 0: as long as it may be
  max_tokens: 300 + 100 * i,
}));

const said = (message) => (message.reasoning_content ?? "") + (message.content ?? "");

// How one request ended: { how, model, text, status, note }.
//   whole   all of the answer came
//   told    an error that says so
//   cut     the connection was closed before the end of the answer, which the client notices
//   silent  what came looks whole, and is not; never may this be
//   hung    nothing came for a long time
function ask(url, options, body, onStreaming = () => {}) {
  return new Promise((resolve) => {
    const end = { how: "cut", model: "", text: "", status: 0, note: "" };
    let bytes = "";
    let done = false;
    const settle = (how, note = "") => resolve(Object.assign(end, { how, note }));
    const text = JSON.stringify(body);
    const request = (url.protocol === "https:" ? https : http).request(url, {
      ...options,
      method: "POST",
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(text) },
    });
    request.setTimeout(silenceLimitMs, () => {
      settle("hung");
      request.destroy();
    });
    request.on("error", (error) => settle("cut", error.message));
    request.on("response", (response) => {
      end.status = response.statusCode;
      const streaming = end.status === 200 && body.stream;
      response.setEncoding("utf8");
      response.on("error", (error) => settle("cut", error.message));
      response.on("data", (piece) => {
        bytes += piece;
        if (!streaming) return;
        const events = bytes.split("\n\n");
        bytes = events.pop();
        for (const event of events) {
          if (!event.startsWith("data: ")) continue;
          if (event === "data: [DONE]") {
            done = true;
            continue;
          }
          const chunk = JSON.parse(event.slice(6));
          if (chunk.error) return settle("told", chunk.error.message);
          end.model = chunk.model;
          end.text += said(chunk.choices[0].delta);
        }
        onStreaming(end);
      });
      response.on("end", () => {
        if (!response.complete) return settle("cut", "the body was incomplete");
        if (streaming) return settle(done ? "whole" : "silent", "a stream without [DONE]");
        let reply;
        try {
          reply = JSON.parse(bytes);
        } catch {
          return settle("silent", `no JSON: ${bytes.slice(0, 200)}`);
        }
        if (end.status !== 200) return settle(reply.error?.message ? "told" : "silent", reply.error?.message);
        end.model = reply.model;
        end.text = said(reply.choices[0].message);
        settle("whole");
      });
    });
    request.end(text);
  });
}

const path = "/v1/chat/completions";
const alone = [];
for (const body of cases) alone.push((await ask(new URL(path, env.SURVIVOR), {}, body)).text);

const ends = [];
const streamsOfVictim = new Set();
let signalled = false;
let wholeSince = 0;

function signalWhenInTheMiddle() {
  if (signalled || streamsOfVictim.size < 2) return;
  if (ends.filter((end) => end.how === "whole").length < wholeAnswersBefore) return;
  signalled = true;
  process.kill(Number(env.VICTIM_PID), signal);
}

async function client(number) {
  for (let turn = 0; wholeSince < wholeAnswersAfter; ++turn) {
    if (ends.length > mostRequests) throw new Error("the victim got no streams, or nothing was whole after the signal");
    const index = (number + turn) % cases.length;
    const stream = (number + turn) % 4 < 2;
    const begunAfter = signalled;
    const end = await ask(new URL(path, `https://${host}`), proxy, { ...cases[index], stream }, (sofar) => {
      if (sofar.model === "victim") streamsOfVictim.add(sofar);
      signalWhenInTheMiddle();
    });
    streamsOfVictim.delete(end);
    ends.push({ ...end, stream, begunAfter, right: end.text === alone[index] });
    if (signalled && end.how === "whole") ++wholeSince;
  }
}
await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
agent.destroy();

const count = (holds) => ends.filter(holds).length;
for (const how of ["whole", "told", "cut", "silent", "hung"])
  console.log(`${how}: ${count((e) => e.how === how && e.stream)} streams, ${count((e) => e.how === how && !e.stream)} others`);
console.log(`whole but wrong: ${count((e) => e.how === "whole" && !e.right)}`);
console.log(`begun after ${signal}, and not whole: ${count((e) => e.begunAfter && e.how !== "whole")}`);
console.log(`by the victim before and by the survivor: ${count((e) => e.model === "victim") > 0 && count((e) => e.model === "survivor") > 0}`);
for (const end of ends.filter((e) => e.how !== "whole").slice(0, 20))
  console.log(`  ${end.how}${end.stream ? " stream" : ""} ${end.status} ${end.note}`);
