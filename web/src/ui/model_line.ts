// Which model answers: the only one that is served, or the one chosen.

import type { Client } from "../api/client";
import { byId, el } from "./dom";

export class ModelLine {
  private readonly line = byId("model");
  private names: string[] = [];
  private chosen = "";

  constructor(private readonly client: Client) {}

  /** What goes into a request. Before the server has said what it has, only a command to be copied can want it. */
  model(): string {
    return this.chosen || "default";
  }

  /** Asks the server; what went wrong, or null. */
  async refresh(): Promise<unknown> {
    let problem: unknown = null;
    try {
      this.names = await this.client.models();
    } catch (error) {
      this.names = [];
      problem = error;
    }
    if (!this.names.includes(this.chosen)) this.chosen = this.names[0] ?? "";
    this.show();
    return problem;
  }

  /** Asks the server if it has not said yet which models it has; throws what goes wrong. */
  async ensure(): Promise<void> {
    if (this.chosen !== "") return;
    const problem = await this.refresh();
    if (problem !== null) throw problem;
  }

  private show(): void {
    this.line.classList.toggle("absent", this.names.length === 0);
    if (this.names.length <= 1) {
      this.line.textContent = this.chosen || "no model";
      return;
    }
    const select = el(
      "select",
      { "aria-label": "Model" },
      ...this.names.map((name) => el("option", { value: name }, name)),
    );
    select.value = this.chosen;
    select.addEventListener("change", () => (this.chosen = select.value));
    this.line.replaceChildren(select);
  }
}
