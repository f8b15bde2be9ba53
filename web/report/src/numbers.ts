// Numbers as people read them, by their unit.

import { clock, duration } from "../../src/format";
import type { Unit } from "./data";

/** 12,345 · 0.0123 · 1.2e-7: four figures that say something */
export function plain(value: number): string {
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size >= 1e7 || size < 1e-4) return value.toExponential(2).replace("e+", "e");
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(4)));
}

export function withUnit(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (unit === "share") return `${(100 * value).toFixed(1)} %`;
  if (unit === "seconds") return value < 0.0005 ? (value === 0 ? "0 s" : `${plain(value)} s`) : duration(value);
  if (unit === "tokens") return plain(Math.abs(value) < 1000 ? Number(value.toFixed(1)) : value);
  return plain(value);
}

/** On an axis: short. */
export function tick(value: number, unit: Unit): string {
  if (unit === "share") return `${Number((100 * value).toPrecision(3))} %`;
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  if (size !== 0 && size < 1e-3) return value.toExponential(0).replace("e+", "e");
  return String(Number(value.toPrecision(4)));
}

/** 42 s, 12 min 5 s, 3:04 h */
export function workingTime(seconds: number): string {
  return seconds < 3600 ? duration(seconds) : `${clock(seconds / 60)} h`;
}
