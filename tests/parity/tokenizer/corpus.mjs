// The texts of the comparison: fixed ones, every character, and random ones from a fixed seed.

// mulberry32: the same texts on every machine.
function makeRandom(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const sentences = [
  "Which digits are spoken? I hear \"three\", then a pause of 0.4 s, then \"seven\" - so 3 7.",
  "It's what they're saying: we've, I'M, YOU'LL, she'D, 'tis, o'clock, ''s, can't've.",
  "La voix monte, puis redescend ; l'été dernier, à Noël, garçon naïf où ça ?",
  "Größenänderung, Fußgängerübergänge und Straßenbahn: 12.345,67 €.",
  "¿Cuántas notas hay? ¡Ocho! El niño oyó la señal mañana.",
  "Сколько нот в мелодии? Подъём — ёжик, объём, Київ, їжак.",
  "Ποια νότα είναι η ψηλότερη; Η τρίτη, νομίζω. ΐ ΰ ᾧ",
  "録音には三つの数字が含まれています。カタカナ・ひらがな、がぎぐ。",
  "录音里有几个音符?我听到五个音符,音量逐渐增大。",
  "녹음에는 숫자가 몇 개 있습니까? 각 글자는 완성형입니다.",
  "كم عدد النغمات في التسجيل؟ اللُّغَةُ العَرَبِيَّة ١٢٣٤٥",
  "כמה תווים יש בהקלטה? שָׁלוֹם עוֹלָם",
  "रिकॉर्डिंग में कितने स्वर हैं? क़ख़ग़ १२३",
  "บันทึกเสียงมีตัวเลขกี่ตัว ๑๒๓ ที่นี่",
  "রেকর্ডিং-এ কয়টি সংখ্যা আছে? ড়ঢ়য়",
  "பதிவில் எத்தனை இலக்கங்கள் உள்ளன? கொ கோ",
  "Có bao nhiêu chữ số trong bản ghi? Tiếng Việt rất đẹp; ứng dụng.",
  "ჩანაწერში რამდენი ციფრია? Հայերեն բառեր։ ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ",
  "👩‍👩‍👧‍👦 👍🏽 🇩🇪🇯🇵 🏳️‍🌈 ❤️ 1️⃣ 😀😃 🫠",
  "int main(int argc, char** argv) {\n\tfor (int i = 0; i < 10; ++i) {\n\t\tprintf(\"%d\\n\", i);\n\t}\n\n    return 0;\n}\n",
  "def f(x):\r\n    return [y**2 for y in x if y != 0]  # comment\r\n\r\n",
  "SELECT * FROM t WHERE a>=1 AND b<>'x''y'; -- ok\n<div class=\"a b\">&nbsp;</div>",
  "<think>\nI hear two clicks.\n</think>\n\nTwo.<RESPONSE>Two</RESPONSE>",
  "∑_{i=1}^{n} x_i² ≤ ∫₀^∞ e^{−t} dt ≈ 1, ½ ⅔ Ⅷ ⅷ ㊿ ① ٣ ৩",
  "e\u0301 o\u0302\u0323 A\u030a \u212b \u2126 \u1100\u1161\u11a8 \uac00\u11a8 \u304b\u3099 \u0958 \u2adc q\u0307\u0323",
  "a\u00a0b\u2003c\u2028d\u2029e\u0085f\u180eg\u200bh\u3000i\ufeffj\u000bk\u000cl\u001cm\u202fn\u205fo\u1680p",
  "  leading, trailing  \n\n\n   \n \t \n x \r y\r\n\r\n z   \t",
  "\u0000\u0001\u001f\u007f\u0080\u009f\ud7ff\ue000\uf8ff\ufdd0\uffff\u{10ffff}",
  "<|im_start|>user\nhi<|im_end|>\n<|endoftext|><tool_call>{}</tool_call><|fim_prefix|>",
  "<|im_start|<|im_end|>|> <<|im_end|> <|im_end<|im_end|> <tool_call</tool_call>>",
  "cafe\u0301<|im_end|>\u0301e <|im_end|>  <|im_end|>\n",
];

const specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>",
  "<|file_sep|>", "<|BOT|>", "<|EOT|>", "<audio_patch>", "<audio_patch_pad>", "<im_patch>", "<|im_", "|>", "<|", "<think>", "</think>"];
const spaces = [" ", "  ", "\n", "\n\n", "\r\n", "\t", "\u00a0", "\u2003", "\u0085", "\u180e", "\u200b",
  "\u3000", "\u2028", "\ufeff", "\v", "\f", "\u001f"];
const contractions = ["'s", "'S", "'t", "'T", "'re", "'rE", "'ve", "'m", "'ll", "'LL", "'d", "'x", "''", "’s"];
const marks = ["\u0301", "\u0300", "\u0323", "\u0308", "\u0327", "\u3099", "\u094d", "\u200d", "\ufe0f", "\u1161", "\u11a8"];

function randomTexts(random, assigned) {
  const below = (n) => Math.floor(random() * n);
  const pick = (items) => items[below(items.length)];
  const upTo = (limit, make) => Array.from({ length: 1 + below(limit) }, make).join("");
  const ascii = () => String.fromCharCode(32 + below(95));
  const letter = () => String.fromCharCode(97 + below(26));
  const bytes = (length) => Uint8Array.from({ length }, () => below(256));
  const anything = () => String.fromCodePoint(pick(assigned));
  // Neighbours in the code charts: the same script, so that letters, marks and signs mix as in text.
  const script = () => {
    const from = below(assigned.length);
    return upTo(12, () => String.fromCodePoint(assigned[Math.min(from + below(80), assigned.length - 1)]));
  };
  const kinds = [
    () => upTo(60, ascii),
    () => upTo(20, letter),
    () => upTo(12, () => String(below(10 ** (1 + below(9))))),
    () => upTo(20, anything),
    script,
    () => upTo(8, () => pick(spaces)),
    () => pick(contractions),
    () => upTo(4, () => pick(marks)),
    () => pick(specials),
    () => pick(sentences).slice(below(20), 20 + below(60)).toWellFormed(),
    () => pick(["a", " ", "\n", "1", ".", "=", "-", "ab", " a", "中", "é", "\u0301"]).repeat(1 + below(70)),
    () => Buffer.from(bytes(1 + below(40))).toString("latin1"),
    () => new TextDecoder().decode(bytes(1 + below(40))),
  ];
  return Array.from({ length: 6000 }, () => upTo(8, () => pick(kinds)()));
}

// Every character that both Unicode versions know, alone among letters, and many in a row.
function* everyCharacter(assigned) {
  const characters = assigned.map((codePoint) => String.fromCodePoint(codePoint));
  for (let i = 0; i < characters.length; i += 64) {
    const some = characters.slice(i, i + 64);
    yield some.join("");
    yield some.map((character) => `a${character}b ${character}`).join("");
  }
}

const longTexts = ["a", " ", "\n", " \n", "0", "!", "=", "é", "中", "ab", "\t", "\u0301", "e\u0301", "👍🏽", "'s", "<"]
  .flatMap((unit) => [unit.repeat(257), unit.repeat(3000), `x${unit.repeat(1000)}y`]);

export function makeCorpus(assigned) {
  const corpus = [...sentences, ...longTexts, ...everyCharacter(assigned), ...randomTexts(makeRandom(1), assigned)];
  // The reference folds the contractions' letters in ASCII only; Oniguruma (the original's engine) and
  // PCRE2 fold by Unicode, where U+017F is an s: `'` and U+017F are one piece. Here we follow the original.
  return corpus.map((text) => text.replace(/'\u017f/g, "'"));
}
