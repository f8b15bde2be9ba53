// The microphone. One recording at a time.

export interface Recording {
  /** Loudness of the last moment, 0 to 1. */
  level(): number;
  seconds(): number;
  /** Ends the recording; null if nothing was heard. */
  stop(): Promise<Blob | null>;
  cancel(): void;
}

/** Throws an Error with one plain sentence that says what stands in the way. */
export async function startRecording(): Promise<Recording> {
  // Missing where the page comes over plain HTTP from another machine.
  if (!("mediaDevices" in navigator) || typeof MediaRecorder === "undefined")
    throw new Error("This browser lets a page record only over HTTPS or from this machine (localhost).");
  const stream = await openMicrophone();
  const recorder = new MediaRecorder(stream);
  const pieces: Blob[] = [];
  recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
  const ended = new Promise<void>((resolve) => recorder.addEventListener("stop", () => resolve(), { once: true }));
  const meter = new LevelMeter(stream);
  const start = performance.now();
  recorder.start();

  const release = () => {
    for (const track of stream.getTracks()) track.stop();
    meter.close();
  };
  return {
    level: () => meter.level(),
    seconds: () => (performance.now() - start) / 1000,
    async stop() {
      if (recorder.state !== "inactive") recorder.stop();
      await ended;
      release();
      const recording = new Blob(pieces, { type: recorder.mimeType });
      return recording.size > 0 ? recording : null;
    },
    cancel() {
      if (recorder.state !== "inactive") recorder.stop();
      release();
    },
  };
}

// The model was trained on sound as it is: no voice processing.
async function openMicrophone(): Promise<MediaStream> {
  const audio = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError") throw new Error("The browser was not allowed to use the microphone.");
    if (name === "NotFoundError") throw new Error("No microphone was found.");
    throw new Error(`The microphone could not be opened (${String(error)}).`);
  }
}

class LevelMeter {
  private readonly context = new AudioContext();
  private readonly analyser = this.context.createAnalyser();
  private readonly samples = new Float32Array(1024);

  constructor(stream: MediaStream) {
    this.analyser.fftSize = this.samples.length;
    this.context.createMediaStreamSource(stream).connect(this.analyser);
  }

  // Root mean square, on a scale on which speech at arm's length is about a half.
  level(): number {
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / this.samples.length;
    const db = 10 * Math.log10(power + 1e-9);
    return Math.min(1, Math.max(0, (db + 60) / 60));
  }

  close(): void {
    void this.context.close();
  }
}
