// The content security policy of the page. It allows nothing inline, but for the one style that wavesurfer writes
// into the shadow of each waveform, which is named by its hash.

import { createHash } from "node:crypto";

/** `wavesurferSource`: what the package's ES module holds. Throws if the style is not where it was. */
export function contentSecurityPolicy(wavesurferSource: string, waveformHeightPx: number): string {
  const hash = createHash("sha256").update(waveformStyle(wavesurferSource, waveformHeightPx)).digest("base64");
  return [
    "default-src 'self'",
    "img-src 'self' data: blob:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    `style-src 'self' 'sha256-${hash}'`,
    "script-src 'self'",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}

// The text between <style> and </style> of a template literal whose one insertion is the height. In the package's
// file its line ends are written as \n.
function waveformStyle(source: string, heightPx: number): string {
  const template = /<style.*?\}>(.*?)<\/style>/s.exec(source)?.[1];
  const pieces = template?.replaceAll("\\n", "\n").split(/\$\{[^}]*\}/) ?? [];
  if (pieces.length !== 2) throw new Error("wavesurfer.js has changed how it writes its style: see build/csp.ts");
  return pieces.join(String(heightPx));
}
