// Which kind of sound file this is, by its first bytes: the server, too, looks at content and not at names.

/** Formats that the server reads itself; others are decoded by the browser and sent as WAV. */
export type ServerFormat = "wav" | "flac" | "ogg" | "mp3" | "aiff";

export function sniffFormat(bytes: Uint8Array): ServerFormat | null {
  const tag = (at: number, text: string) => [...text].every((c, i) => bytes[at + i] === c.charCodeAt(0));
  if ((tag(0, "RIFF") || tag(0, "RIFX")) && tag(8, "WAVE")) return "wav";
  if (tag(0, "fLaC")) return "flac";
  if (tag(0, "OggS")) return "ogg";
  if (tag(0, "FORM") && (tag(8, "AIFF") || tag(8, "AIFC"))) return "aiff";
  if (tag(0, "ID3")) return "mp3";
  return isMpegLayer3(bytes) ? "mp3" : null;
}

// 11 set bits, a version and a layer that exist, and layer III; AAC in ADTS has layer 0.
function isMpegLayer3(bytes: Uint8Array): boolean {
  const [first = 0, second = 0] = bytes;
  return first === 0xff && (second & 0xe0) === 0xe0 && (second & 0x18) !== 0x08 && (second & 0x06) === 0x02;
}
