// The button that starts and ends a recording, with a meter that shows that something is heard.

import { clipFromRecording, type Clip } from "../audio/clip";
import { startRecording, type Recording } from "../audio/recorder";
import { clock } from "../format";
import { announce } from "./announcer";
import { el } from "./dom";
import { setIcon } from "./icons";

export class RecordButton {
  private recording: Recording | null = null;
  private starting = false;
  private readonly meter = el("span", { class: "meter", "aria-hidden": "true" });

  constructor(
    private readonly button: HTMLButtonElement,
    private readonly onClip: (clip: Clip) => void,
    private readonly onProblem: (message: string) => void,
  ) {
    button.addEventListener("click", () => void this.toggle());
    this.show();
  }

  private async toggle(): Promise<void> {
    if (this.starting) return;
    try {
      if (this.recording === null) await this.start();
      else await this.finish(this.recording);
    } catch (error) {
      this.onProblem(error instanceof Error ? error.message : String(error));
    }
    this.show();
  }

  private async start(): Promise<void> {
    this.starting = true; // the browser may ask the user first, and that takes a while
    try {
      this.recording = await startRecording();
    } finally {
      this.starting = false;
    }
    announce("Recording");
    this.show();
    this.follow(this.recording);
  }

  private async finish(recording: Recording): Promise<void> {
    this.recording = null;
    const sound = await recording.stop();
    if (sound === null) throw new Error("The recording holds no sound.");
    this.onClip(await clipFromRecording(sound));
    announce("Recording added");
  }

  private follow(recording: Recording): void {
    if (this.recording !== recording) return;
    this.meter.style.setProperty("--level", recording.level().toFixed(2));
    const label = this.button.querySelector(".seconds");
    if (label !== null) label.textContent = clock(recording.seconds());
    setTimeout(() => this.follow(recording), 80);
  }

  private show(): void {
    const on = this.recording !== null;
    this.button.classList.toggle("recording", on);
    this.button.setAttribute("aria-pressed", String(on));
    setIcon(this.button, on ? "stop" : "microphone", on ? "Stop" : "Record");
    if (on) this.button.append(el("span", { class: "seconds", "aria-hidden": "true" }, "0:00"), this.meter);
    this.button.setAttribute("aria-label", on ? "Stop recording" : "Record");
  }
}
