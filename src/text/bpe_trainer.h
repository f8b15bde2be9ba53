// Makes a small tokenizer.json in the release's format from a corpus: for the models trained from
// nothing.
#pragma once

#include <span>
#include <string>

namespace stapes {

// 256 bytes, then `merge_count` merges learned from `corpus` after the Qwen2 pre-tokenizer, then
// <|endoftext|>, <|im_start|>, <|im_end|> and the release's 31 special tokens in their order
// (reference A7). Deterministic. The result is what Tokenizer::parse and Hugging Face's
// `tokenizers` read.
std::string train_tokenizer_json(std::span<const std::string> corpus, int merge_count);

}  // namespace stapes
