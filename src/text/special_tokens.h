// Names of the release's control tokens; their ids are looked up by name in the model's tokenizer.
#pragma once

#include <array>
#include <string_view>

namespace stapes {

inline constexpr std::string_view kTurnBegin = "<|BOT|>";
inline constexpr std::string_view kTurnEnd = "<|EOT|>";
inline constexpr std::string_view kAudioStart = "<audio_start>";
inline constexpr std::string_view kAudioPatch = "<audio_patch>";
inline constexpr std::string_view kAudioEnd = "<audio_end>";
inline constexpr std::string_view kSpeechStart = "<tts_start>";
inline constexpr std::string_view kSpeechEnd = "<tts_end>";
inline constexpr std::string_view kSpeechPad = "<tts_pad>";
// Not of the release's own: Qwen2.5's.
inline constexpr std::string_view kToolCallStart = "<tool_call>";
inline constexpr std::string_view kToolCallEnd = "</tool_call>";

// The 31 that the release adds to Qwen2.5's, in the order of their ids (151665 to 151695 there).
inline constexpr std::array<std::string_view, 31> kReleaseSpecialTokens = {
    kTurnEnd,        kTurnBegin,          "<|CALL_START|>",   "<|CALL_END|>",   "<|THINK_START|>",
    "<|THINK_END|>", "<|IMG_START|>",     "<|IMG_END|>",      "<|META_START|>", "<|META_END|>",
    "<im_patch>",    "<im_start>",        "<im_end>",         "<dream>",        "<dream_start>",
    "<dream_end>",   "<|MASK_1e69f|>",    "<|UNMASK_1e69f|>", "<video_start>",  "<video_end>",
    "<patch_start>", "<patch_end>",       "<patch_newline>",  kAudioStart,      kAudioEnd,
    kAudioPatch,     "<audio_patch_pad>", "<|SC|>",           kSpeechStart,     kSpeechEnd,
    kSpeechPad,
};

}  // namespace stapes
