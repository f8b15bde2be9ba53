// Bytes as base64 text. In pieces: a call has room for some ten thousand arguments only.

const PIECE_BYTES = 3 * 8192; // a multiple of 3, so that no piece but the last is padded

export function toBase64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += PIECE_BYTES)
    pieces.push(btoa(String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES))));
  return pieces.join("");
}
