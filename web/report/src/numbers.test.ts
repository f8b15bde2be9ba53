import { expect, it } from "vitest";
import { plain, tick, withUnit, workingTime } from "./numbers";

it.each([
  [0, "0"],
  [1, "1"],
  [0.98765432, "0.9877"],
  [-3.5, "-3.5"],
  [12345.6, "12,346"],
  [1.12882e-7, "1.13e-7"],
  [3e8, "3.00e8"],
])("plain(%d)", (value, text) => expect(plain(value)).toBe(text));

it.each([
  [0.9444, "share", "94.4 %"],
  [44.3472, "tokens", "44.3"],
  [5120, "tokens", "5,120"],
  [1.19, "seconds", "1.2 s"],
  [3e-8, "seconds", "3.00e-8 s"],
  [null, "nats", "–"],
  [undefined, "nats", "–"],
] as const)("withUnit(%d, %s)", (value, unit, text) => expect(withUnit(value, unit)).toBe(text));

it.each([
  [0.9, "share", "90 %"],
  [25000, "tokens", "25k"],
  [1e-8, "nats", "1e-8"],
  [0.025, "number", "0.025"],
] as const)("tick(%d, %s)", (value, unit, text) => expect(tick(value, unit)).toBe(text));

it.each([
  [42, "42 s"],
  [150, "2 min 30 s"],
  [11_040, "3:04 h"],
])("workingTime(%d)", (seconds, text) => expect(workingTime(seconds)).toBe(text));
