// A clip as waveform and mel spectrogram that can be played and searched, by mouse and by keyboard.

import WaveSurfer from "wavesurfer.js";
import Spectrogram from "wavesurfer.js/plugins/spectrogram";
import { PIECE_SECONDS, RATE_HZ, clipSeconds, type Clip } from "../audio/clip";
import { colormap } from "../audio/colormap";
import { encodeWav } from "../audio/wav";
import { DOT, clock, size } from "../format";
import { SPECTROGRAM_HEIGHT_PX, WAVEFORM_HEIGHT_PX } from "./clip_sizes";
import { el } from "./dom";
import { icon, setIcon } from "./icons";
import { currentTheme, onThemeChange } from "./theme";

// As the model's own spectrogram: windows of 25 ms every 10 ms.
const WINDOW_SAMPLES = 400;
const OVERLAP_SAMPLES = 240;
const FFT_SAMPLES = 512;
// Beyond this a window every 10 ms would be far finer than the screen; the plugin then chooses by the width.
const FINE_SECONDS = 60;

const STEP_SECONDS = 0.25;

let playing: ClipView | null = null;

export class ClipView {
  readonly element: HTMLElement;
  private readonly screen: HTMLElement;
  private readonly playButton: HTMLButtonElement;
  private readonly time: HTMLElement;
  private readonly seconds: number;
  private readonly forgetTheme: () => void;
  private readonly sound: Blob | null;
  private wave: WaveSurfer | null = null;
  private readonly saveUrl: string;

  /** `actions` stand at the end of the line under the picture. */
  constructor(
    private readonly clip: Clip,
    ...actions: HTMLElement[]
  ) {
    this.seconds = clipSeconds(clip) ?? 0;
    this.sound = clip.samples && new Blob([encodeWav(clip.samples, RATE_HZ)], { type: "audio/wav" });
    this.saveUrl = URL.createObjectURL(new Blob([clip.bytes]));
    this.playButton = el("button", { type: "button", class: "round", onclick: () => this.togglePlay() });
    this.time = el("span", { class: "clip-time" });
    this.screen = this.makeScreen();
    this.element = el(
      "figure",
      { class: "clip", "aria-label": `Sound ${clip.name}` },
      this.screen,
      this.makeCaption(actions),
    );
    this.showState(false);
    this.draw();
    this.forgetTheme = onThemeChange(() => this.draw());
  }

  destroy(): void {
    this.forgetTheme();
    if (playing === this) playing = null;
    this.wave?.destroy();
    this.wave = null;
    URL.revokeObjectURL(this.saveUrl);
    this.element.remove();
  }

  private makeScreen(): HTMLElement {
    if (this.sound === null)
      return el(
        "p",
        { class: "clip-screen blind" },
        "This browser cannot show the sound; the server may be able to read it.",
      );
    const attributes = {
      class: "clip-screen",
      role: "slider",
      tabindex: 0,
      "aria-label": `Position in ${this.clip.name}`,
      "aria-valuemin": 0,
      "aria-valuemax": this.seconds.toFixed(2),
      onkeydown: (event: KeyboardEvent) => this.onKey(event),
    };
    return el("div", attributes, el("span", { class: "clip-scale", "aria-hidden": "true" }, `${RATE_HZ / 2000} kHz`));
  }

  private makeCaption(actions: HTMLElement[]): HTMLElement {
    const pieces = Math.ceil(this.seconds / PIECE_SECONDS);
    const facts = [this.sound && clock(this.seconds), pieces > 1 && `heard in ${pieces} pieces`].filter(Boolean);
    return el(
      "figcaption",
      {},
      this.sound ? this.playButton : null,
      el("span", { class: "clip-name", title: this.clip.name }, this.clip.name),
      el("span", { class: "clip-facts" }, this.time, facts.join(DOT)),
      el("span", { class: "clip-facts clip-size" }, size(this.clip.bytes.length)),
      el("span", { class: "spacer" }),
      el(
        "a",
        {
          class: "quiet icon-only",
          href: this.saveUrl,
          download: this.clip.name,
          title: "Save",
          "aria-label": `Save ${this.clip.name}`,
        },
        icon("save"),
      ),
      ...actions,
    );
  }

  private draw(): void {
    if (this.sound === null || this.clip.samples === null) return;
    const at = this.wave?.getCurrentTime() ?? 0;
    this.wave?.destroy();
    const style = getComputedStyle(document.documentElement);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const wave = WaveSurfer.create({
      container: this.screen,
      height: WAVEFORM_HEIGHT_PX,
      sampleRate: RATE_HZ,
      normalize: true,
      barWidth: 2,
      barGap: 1,
      barRadius: 1,
      waveColor: colour("--wave"),
      progressColor: colour("--wave-played"),
      cursorColor: colour("--cursor"),
      cursorWidth: 2,
      hideScrollbar: true,
      dragToSeek: true,
      plugins: [this.makeSpectrogram()],
    });
    wave.on("play", () => this.onPlay());
    wave.on("pause", () => this.showState(false));
    wave.on("finish", () => this.showState(false));
    wave.on("timeupdate", (seconds) => this.showTime(seconds));
    // Errors: of this picture only. The sound is sent whether or not it can be shown.
    wave.loadBlob(this.sound, [this.clip.samples], this.seconds).then(
      () => at > 0 && wave.setTime(at),
      () => undefined,
    );
    this.wave = wave;
    this.showTime(at);
  }

  private makeSpectrogram(): Spectrogram {
    return Spectrogram.create({
      height: SPECTROGRAM_HEIGHT_PX,
      scale: "mel",
      frequencyMax: RATE_HZ / 2,
      fftSamples: WINDOW_SAMPLES,
      fftSize: FFT_SAMPLES,
      ...(this.seconds <= FINE_SECONDS && { noverlap: OVERLAP_SAMPLES }),
      windowFunc: "hann",
      autoGain: true,
      rangeDB: 70,
      colorMap: colormap(currentTheme()),
    });
  }

  private togglePlay(): void {
    this.wave?.playPause().catch(() => this.showState(false));
  }

  private onPlay(): void {
    if (playing !== this) playing?.wave?.pause();
    playing = this;
    this.showState(true);
  }

  private onKey(event: KeyboardEvent): void {
    if (this.wave === null || event.altKey || event.ctrlKey || event.metaKey) return;
    const now = this.wave.getCurrentTime();
    const target: Record<string, number> = {
      ArrowLeft: now - STEP_SECONDS,
      ArrowDown: now - STEP_SECONDS,
      ArrowRight: now + STEP_SECONDS,
      ArrowUp: now + STEP_SECONDS,
      Home: 0,
      End: this.seconds,
    };
    const to = target[event.key];
    if (to !== undefined) this.wave.setTime(Math.min(this.seconds, Math.max(0, to)));
    else if (event.key === " ") this.togglePlay();
    else return;
    event.preventDefault();
  }

  private showState(isPlaying: boolean): void {
    setIcon(this.playButton, isPlaying ? "pause" : "play");
    this.playButton.setAttribute("aria-label", `${isPlaying ? "Pause" : "Play"} ${this.clip.name}`);
  }

  private showTime(seconds: number): void {
    this.screen.setAttribute("aria-valuenow", seconds.toFixed(2));
    this.screen.setAttribute("aria-valuetext", `${seconds.toFixed(1)} of ${this.seconds.toFixed(1)} seconds`);
    this.element?.classList.toggle("touched", seconds > 0);
    this.time.textContent = seconds > 0 ? `${clock(seconds)} / ` : "";
  }
}
