// A piece of sound that the user gave: what is sent to the server, and what the page shows of it.

import { toBase64 } from "./base64";
import { decodeSound } from "./decode";
import { sniffFormat } from "./sniff";
import { encodeWav } from "./wav";

/** What models of this kind hear. */
export const RATE_HZ = 16000;

/** Longer sound is heard by the model in pieces of at most this. */
export const PIECE_SECONDS = 25;

// Beyond this a file is sent as the WAV that the model hears, where that is smaller: five minutes of a CD are 53 MB,
// and more than a server takes by default once they are base64.
const LARGE_BYTES = 8_000_000;

// All of it is held in memory, several times over.
const MAX_FILE_BYTES = 256 * 1024 * 1024;

export interface Clip {
  readonly id: number;
  /** Of the user's file; of what was made here, a name that no other clip made here has. */
  readonly name: string;
  /** What is sent: the file as it was where the server can read it, else WAV. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** "wav", "mp3", ...: a hint for the server, which goes by content. */
  readonly format: string;
  /** One channel at RATE_HZ; null where this browser cannot decode what the server may. */
  readonly samples: Float32Array<ArrayBuffer> | null;
  /** True where no file with these bytes exists on the user's side. */
  readonly madeHere: boolean;
  base64(): string;
}

const usedNames = new Set<string>();
let lastId = 0;

/** Throws an Error with one plain sentence if this is no sound. */
export async function clipFromFile(file: File): Promise<Clip> {
  if (file.size === 0) throw new Error(`${file.name} is empty.`);
  if (file.size > MAX_FILE_BYTES)
    throw new Error(`${file.name} has ${Math.round(file.size / 2 ** 20)} MB; the page takes files of up to 256 MB.`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  const format = sniffFormat(bytes);
  const samples = await decodeSound(bytes, RATE_HZ).catch(() => null);
  const isTooLarge = bytes.length > LARGE_BYTES && samples !== null && bytes.length > samples.length * 2;
  if (format !== null && !isTooLarge) return makeClip({ name: file.name, bytes, format, samples, madeHere: false });
  if (samples === null) throw new Error(`${file.name} is not a sound that this browser or the server can read.`);
  return makeClip({
    name: `${stem(file.name)}.wav`,
    bytes: encodeWav(samples, RATE_HZ),
    format: "wav",
    samples,
    madeHere: true,
  });
}

/** What the microphone heard, in whatever format the browser records. */
export async function clipFromRecording(recording: Blob): Promise<Clip> {
  const samples = await decodeSound(new Uint8Array(await recording.arrayBuffer()), RATE_HZ).catch(() => null);
  if (samples === null || samples.length === 0) throw new Error("The recording holds no sound.");
  return makeClip({
    name: "recording.wav",
    bytes: encodeWav(samples, RATE_HZ),
    format: "wav",
    samples,
    madeHere: true,
  });
}

export function clipSeconds(clip: Clip): number | null {
  return clip.samples && clip.samples.length / RATE_HZ;
}

function makeClip(parts: Omit<Clip, "id" | "base64">): Clip {
  let encoded: string | null = null;
  return {
    ...parts,
    id: ++lastId,
    name: parts.madeHere ? uniqueName(parts.name) : parts.name,
    base64: () => (encoded ??= toBase64(parts.bytes)),
  };
}

function uniqueName(name: string): string {
  let unique = name;
  for (let n = 2; usedNames.has(unique); ++n) unique = `${stem(name)}-${n}${name.slice(stem(name).length)}`;
  usedNames.add(unique);
  return unique;
}

function stem(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(0, dot) : name;
}
