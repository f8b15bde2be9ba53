// compare.mjs FILE.gguf REPORT.json MODEL: what @huggingface/gguf reads in the file against the model folder that
// it was made from and the report of `stapes quantize`: metadata, names, shapes, types, offsets, sizes; and the
// values of Q4_0 and Q8_0 tensors, read from the tiles as docs/file-format.md describes them.
// Exit status 0: no difference.
import fs from "node:fs";
import path from "node:path";
import { gguf } from "@huggingface/gguf";

const [file, reportFile, model] = process.argv.slice(2);
const differences = [];
const same = (what, ours, expected) => {
  if (JSON.stringify(ours) !== JSON.stringify(expected))
    differences.push(`${what}: ${JSON.stringify(ours)} in place of ${JSON.stringify(expected)}`);
};
const readText = (name) => fs.readFileSync(path.join(model, name), "utf8");

// What a GGUF type number means, and the bytes that a count of weights takes.
const types = {
  0: ["F32", (n) => 4 * n], 1: ["F16", (n) => 2 * n], 30: ["BF16", (n) => 2 * n],
  2: ["Q4_0", (n) => (n / 32) * 18], 8: ["Q8_0", (n) => (n / 32) * 34],
  12: ["Q4_K", (n) => (n / 256) * 144], 14: ["Q6_K", (n) => (n / 256) * 210],
};

// The original tensors: a safetensors file.
const weights = fs.readFileSync(path.join(model, "model.safetensors"));
const headerBytes = Number(weights.readBigUInt64LE(0));
const originals = JSON.parse(weights.toString("utf8", 8, 8 + headerBytes));
delete originals.__metadata__;
function originalValues(name) {
  const { dtype, shape, data_offsets: [begin, end] } = originals[name];
  if (dtype !== "BF16") throw new Error(`expected BF16 originals, got ${dtype}`);
  const bytes = weights.subarray(8 + headerBytes + begin, 8 + headerBytes + end);
  const widened = new Uint32Array(bytes.length / 2);
  for (let i = 0; i < widened.length; ++i) widened[i] = bytes.readUInt16LE(2 * i) << 16;
  return { values: new Float32Array(widened.buffer), shape };
}

function f16(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// Row-major values of a matrix in tiles of 16 rows: for each tile, for each block of 32 columns, the 16 rows' scales
// (2 bytes each), then their first 4 bytes of levels, then their next 4, ...
function tiledValues(bytes, [rows, columns], type) {
  const values = new Float32Array(rows * columns);
  const words = type === "Q8_0" ? 8 : 4;
  const blockBytes = 2 + 4 * words;
  for (let row = 0; row < rows; ++row) {
    for (let block = 0; block < columns / 32; ++block) {
      const tile = (row >> 4) * 16 * (columns / 32) * blockBytes + block * 16 * blockBytes;
      const scale = f16(bytes.readUInt16LE(tile + 2 * (row & 15)));
      for (let i = 0; i < 4 * words; ++i) {
        const byte = bytes[tile + 32 + 64 * (i >> 2) + 4 * (row & 15) + (i & 3)];
        const at = row * columns + block * 32 + i;
        if (type === "Q8_0") values[at] = scale * ((byte << 24) >> 24);
        else {
          values[at] = scale * ((byte & 15) - 8);
          values[at + 16] = scale * ((byte >> 4) - 8);
        }
      }
    }
  }
  return values;
}

function relativeError(stored, original) {
  let error = 0, sum = 0;
  for (let i = 0; i < original.length; ++i) {
    error += (stored[i] - original[i]) ** 2;
    sum += original[i] ** 2;
  }
  return Math.sqrt(error / sum);
}

const { metadata, tensorInfos, tensorDataOffset } = await gguf(file, { allowLocalFile: true });
const config = JSON.parse(readText("config.json"));
const text = config.text_config;
same("version", metadata.version, 3);
same("general.architecture", metadata["general.architecture"], "step_audio_2");
same("general.name", metadata["general.name"], path.basename(path.resolve(model)));
same("general.alignment", metadata["general.alignment"], 64);
same("general.quantization_version", metadata["general.quantization_version"], 2);
same("general.file_type", metadata["general.file_type"],
  { q4_0: 2, q4_k: 14, q8_0: 7, bf16: 32 }[path.basename(file, ".gguf")]);
same("block_count", metadata["step_audio_2.block_count"], text.num_hidden_layers);
same("embedding_length", metadata["step_audio_2.embedding_length"], text.hidden_size);
same("feed_forward_length", metadata["step_audio_2.feed_forward_length"], text.intermediate_size);
same("head_count", metadata["step_audio_2.attention.head_count"], text.num_attention_heads);
same("head_count_kv", metadata["step_audio_2.attention.head_count_kv"], text.num_attention_groups);
same("rope.freq_base", metadata["step_audio_2.rope.freq_base"], text.rope_theta);
same("stapes.format_version", metadata["stapes.format_version"], 1);
same("stapes.tensor_layout", metadata["stapes.tensor_layout"], "rows16");
same("config", metadata["stapes.config_json"], readText("config.json"));
same("generation config", metadata["stapes.generation_config_json"], readText("generation_config.json"));
same("tokenizer", metadata["tokenizer.huggingface.json"], readText("tokenizer.json"));

const report = JSON.parse(fs.readFileSync(reportFile, "utf8"));
const bytes = fs.readFileSync(file);
same("names", tensorInfos.map((t) => t.name), report.tensors.map((t) => t.tensor));
same("set of names", tensorInfos.map((t) => t.name).sort(), Object.keys(originals).sort());
same("file size", bytes.length, report.file_bytes);
let end = 0;
let checked = 0;
tensorInfos.forEach((tensor, i) => {
  const shape = tensor.shape.map(Number).reverse();
  const [type, size] = types[tensor.dtype];
  same(`${tensor.name} shape`, shape, originals[tensor.name].shape);
  same(`${tensor.name} type`, type, report.tensors[i].stored);
  same(`${tensor.name} offset`, Number(tensor.offset), Math.ceil(end / 64) * 64);
  const tensorBytes = size(shape.reduce((a, b) => a * b));
  same(`${tensor.name} bytes`, report.tensors[i].bytes, tensorBytes);
  end = Number(tensor.offset) + tensorBytes;
  if (type !== "Q4_0" && type !== "Q8_0") return;
  const begin = Number(tensorDataOffset) + Number(tensor.offset);
  const stored = tiledValues(bytes.subarray(begin, begin + tensorBytes), shape, type);
  const error = relativeError(stored, originalValues(tensor.name).values);
  const reported = report.tensors[i].relative_rms_error;
  if (!(Math.abs(error - reported) <= 1e-4 * reported && error < 0.12))
    differences.push(`${tensor.name}: error ${error}, reported ${reported}`);
  ++checked;
});
same("padded end", Number(tensorDataOffset) + Math.ceil(end / 64) * 64, bytes.length);

differences.slice(0, 20).forEach((line) => console.log(`different: ${line}`));
console.log(`${file}: ${tensorInfos.length} tensors, ${checked} of them by their values: ` +
  `${differences.length} differences`);
process.exit(differences.length === 0 ? 0 : 1);
