// The event files of a real run, read as TensorBoard reads them, by a reader that shares nothing with the writer.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const RUNS = process.env.RUNS;

// CRC-32C (polynomial 0x1EDC6F41, reflected), by table; TensorFlow masks it: rotated right by 15, plus a constant.
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; ++k) n = n & 1 ? (n >>> 1) ^ 0x82f63b78 : n >>> 1;
  return n >>> 0;
});
function maskedCrc(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  crc = (crc ^ 0xffffffff) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

// Fields of a protocol buffer: number to the list of its values.
function fields(bytes) {
  const found = new Map();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      assert.ok(at < bytes.length, "a varint ends inside of the message");
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(value);
    }
  };
  const take = (count) => {
    assert.ok(at + count <= bytes.length, "a field ends inside of the message");
    return bytes.subarray(at, (at += count));
  };
  while (at < bytes.length) {
    const key = varint();
    const values = { 0: varint, 1: () => take(8).readDoubleLE(), 2: () => take(varint()), 5: () => take(4).readFloatLE() };
    assert.ok(values[key & 7], `wire type ${key & 7}`);
    const value = values[key & 7]();
    found.set(key >> 3, [...(found.get(key >> 3) ?? []), value]);
  }
  return found;
}

function events(path) {
  const bytes = readFileSync(path);
  const all = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    assert.equal(bytes.readUInt32LE(at + 8), maskedCrc(bytes.subarray(at, at + 8)), "checksum of a length");
    const event = bytes.subarray(at + 12, at + 12 + length);
    assert.equal(bytes.readUInt32LE(at + 12 + length), maskedCrc(event), "checksum of an event");
    all.push(fields(event));
    at += 16 + length;
  }
  return all;
}

for (const [run, log] of [["sft", "train"], ["sft", "test"], ["rl-seed1", "metrics"], ["rl-seed1", "test"]]) {
  test(`${run}: TensorBoard's file of ${log} holds what ${log}.csv holds`, () => {
    const folder = `${RUNS}/${run}/tensorboard/${log}`;
    const files = readdirSync(folder);
    assert.equal(files.length, 1);
    const [version, session, ...scalars] = events(`${folder}/${files[0]}`);
    assert.equal(version.get(3)[0].toString(), "brain.Event:2");
    assert.deepEqual(fields(session.get(7)[0]).get(1), [1], "SessionLog START");

    const values = new Map();
    let before = 0;
    for (const event of scalars) {
      const [time] = event.get(1);
      assert.ok(time >= before && Math.abs(time - Date.now() / 1000) < 3600, "wall times in order");
      before = time;
      const value = fields(fields(event.get(5)[0]).get(1)[0]);
      values.set(`${event.get(2)?.[0] ?? 0} ${value.get(1)[0]}`, value.get(2)[0]);
    }
    const [names, ...rows] = readFileSync(`${RUNS}/${run}/${log}.csv`, "utf8").trim().split("\n").map((row) => row.split(","));
    // The CSV has six digits, so half a unit of the last is 5e-6 at most; TensorBoard has a float's 1e-7.
    let compared = 0;
    for (const [step, ...cells] of rows)
      cells.forEach((cell, i) => {
        const value = values.get(`${step} ${names[i + 1]}`);
        assert.notEqual(value, undefined, `no ${names[i + 1]} of step ${step}`);
        const expected = cell === "nan" || cell === "-nan" ? NaN : Number(cell);
        if (Number.isNaN(expected)) assert.ok(Number.isNaN(value));
        else assert.ok(Math.abs(value - expected) <= 5.1e-6 * Math.abs(expected) + 1e-12, `${names[i + 1]}: ${value}, not ${expected}`);
        ++compared;
      });
    assert.equal(compared, values.size);
    assert.ok(compared > 0);
  });
}
