// Any sound that the browser knows, as one channel at the rate that is asked for.

/** Rejects if the browser cannot decode it. Leaves `bytes` as they are. */
export async function decodeSound(bytes: Uint8Array<ArrayBuffer>, rateHz: number): Promise<Float32Array<ArrayBuffer>> {
  // A context of the wanted rate resamples while it decodes. decodeAudioData takes the buffer away: give it a copy.
  const decoded = await new OfflineAudioContext(1, 1, rateHz).decodeAudioData(bytes.slice().buffer);
  if (decoded.length === 0) throw new Error("no samples");
  return meanOfChannels(decoded);
}

// The mean, as the server takes it; the browser's own mixing would scale by other rules.
function meanOfChannels(sound: AudioBuffer): Float32Array<ArrayBuffer> {
  const mean = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; ++channel)
    sound.getChannelData(channel).forEach((sample, i) => (mean[i] = (mean[i] ?? 0) + sample / sound.numberOfChannels));
  return mean;
}
