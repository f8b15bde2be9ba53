import { expect, it } from "vitest";
import { clock, count, duration, size } from "./format";

it("writes clocks, durations, counts and sizes", () => {
  expect([0, 9.99, 60, 754].map(clock)).toEqual(["0:00", "0:09", "1:00", "12:34"]);
  expect([0, 0.04, 0.0994, 0.0996, 9.94, 9.96, 59.4, 59.6, 125].map(duration)).toEqual([
    "0 ms",
    "40 ms",
    "99 ms",
    "0.1 s",
    "9.9 s",
    "10 s",
    "59 s",
    "1 min 0 s",
    "2 min 5 s",
  ]);
  expect([count(0, "token"), count(1, "token"), count(1234, "token")]).toEqual(["0 tokens", "1 token", "1,234 tokens"]);
  expect([999, 1000, 999_499, 999_500].map(size)).toEqual(["999 B", "1 kB", "999 kB", "1.0 MB"]);
});
