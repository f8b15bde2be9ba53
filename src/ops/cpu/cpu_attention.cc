// Attention over chunks of keys. A chunk is kChunkKeys consecutive keys from a multiple of it on;
// what each chunk gives is joined in the order of the chunks. So a row has the same bits whether
// its chunks are computed one after another or by several threads, alone or in a batch, in one
// prefill or in many.
#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/cpu/cpu_ops.h"
#include "ops/kv_slot.h"

namespace stapes {
namespace {

constexpr int64_t kChunkKeys = 512;
constexpr int64_t kQueriesAtATime = 48;  // share a pass over the keys

int64_t length(std::span<const float> values) {
  return static_cast<int64_t>(values.size());
}

int64_t chunks_for(int64_t keys) {
  return (keys + kChunkKeys - 1) / kChunkKeys;
}

// What the queries of a block have seen so far: Σ e^(score - largest), and the same with values.
struct Seen {
  std::vector<float> largest, total;  // [queries]
  std::vector<float> y;               // [queries, W]
  Seen(int64_t queries, int64_t width)
      : largest(static_cast<size_t>(queries)),
        total(largest.size()),
        y(static_cast<size_t>(queries * width)) {}
};

// Queries that see none of the later chunk's keys keep what they have.
void join(Seen& seen, const Seen& later, std::span<const int64_t> later_visible, int64_t width) {
  for (size_t q = 0; q < later_visible.size(); ++q) {
    if (later_visible[q] == 0) continue;
    const float top = std::max(seen.largest[q], later.largest[q]);
    const float before = std::exp(seen.largest[q] - top);
    const float after = std::exp(later.largest[q] - top);
    seen.largest[q] = top;
    seen.total[q] = seen.total[q] * before + later.total[q] * after;
    float* y = seen.y.data() + static_cast<int64_t>(q) * width;
    const float* more = later.y.data() + static_cast<int64_t>(q) * width;
    for (int64_t i = 0; i < width; ++i) y[i] = y[i] * before + more[i] * after;
  }
}

// Where the keys and values of one head of one sequence lie from first_key on, in runs of kKeyRun.
struct HeadMemory {
  DType dtype;
  int64_t first_key = 0;
  std::vector<const std::byte*> key_runs, value_runs;
  int64_t key_stride_bytes, value_stride_bytes;
  std::vector<const float*> key_scale_runs = {}, value_scale_runs = {};  // integers only
  int64_t key_scale_stride = 0;
};

HeadMemory paged_head(const KvPages& kv, int64_t head, int64_t width, int64_t first_key,
                      int64_t last_key) {
  const KvSlot slot{.kv = &kv, .head = head, .head_width = width};
  HeadMemory memory{.dtype = kv.dtype,
                    .first_key = first_key,
                    .key_runs = {},
                    .value_runs = {},
                    .key_stride_bytes = slot.key_stride_bytes(),
                    .value_stride_bytes = slot.value_stride_bytes()};
  const auto runs = static_cast<size_t>((last_key - first_key + kKeyRun - 1) / kKeyRun);
  memory.key_runs.reserve(runs);
  memory.value_runs.reserve(runs);
  for (int64_t token = first_key; token < last_key; token += kKeyRun) {
    memory.key_runs.push_back(slot.key(token));
    memory.value_runs.push_back(slot.value(token));
  }
  if (is_integer_kv(kv.dtype)) {
    memory.key_scale_stride = kv.page_tokens;
    memory.key_scale_runs.reserve(runs);
    memory.value_scale_runs.reserve(runs);
    for (int64_t token = first_key; token < last_key; token += kKeyRun) {
      memory.key_scale_runs.push_back(slot.key_scale(token));
      memory.value_scale_runs.push_back(slot.value_scale(token));
    }
  }
  return memory;
}

// Some queries, one head of keys, and how many keys each query sees.
struct QueryBlock {
  std::vector<float> q;          // [queries, W], scaled
  std::vector<int64_t> visible;  // [queries], ascending
  int64_t width;
  int64_t queries() const { return static_cast<int64_t>(visible.size()); }
};

// Scratch of one thread.
struct ChunkScratch {
  std::vector<float> scores;
  std::vector<std::byte> packed;
  std::vector<int64_t> visible;
};

Seen attend_one_chunk(const Kernels& kernels, const QueryBlock& block, const HeadMemory& memory,
                      int64_t chunk, ChunkScratch& scratch) {
  const int64_t first = chunk * kChunkKeys;
  const int64_t keys = std::min(block.visible.back() - first, kChunkKeys);
  Seen seen(block.queries(), block.width);
  scratch.visible.clear();
  for (const int64_t visible : block.visible)
    scratch.visible.push_back(std::clamp<int64_t>(visible - first, 0, kChunkKeys));
  scratch.scores.resize(static_cast<size_t>(block.queries() * attention_score_stride(keys)));
  const int64_t first_run = (first - memory.first_key) / kKeyRun;
  const bool integers = is_integer_kv(memory.dtype);
  if (integers) {
    scratch.packed.resize(
        static_cast<size_t>(attention_packed_bytes(block.queries(), keys, block.width)));
  }
  kernels.attend_chunk(
      {.dtype = memory.dtype,
       .queries = block.queries(),
       .keys = keys,
       .width = block.width,
       .q = block.q.data(),
       .visible = scratch.visible.data(),
       .key_runs = memory.key_runs.data() + first_run,
       .value_runs = memory.value_runs.data() + first_run,
       .key_stride_bytes = memory.key_stride_bytes,
       .value_stride_bytes = memory.value_stride_bytes,
       .key_scale_runs = integers ? memory.key_scale_runs.data() + first_run : nullptr,
       .value_scale_runs = integers ? memory.value_scale_runs.data() + first_run : nullptr,
       .key_scale_stride = memory.key_scale_stride,
       .packed = scratch.packed.data(),
       .scores = scratch.scores.data(),
       .largest = seen.largest.data(),
       .total = seen.total.data(),
       .y = seen.y.data()});
  return seen;
}

// All chunks in order. `computed`, where given, are those that other threads have computed.
Seen attend_all(const Kernels& kernels, const QueryBlock& block, const HeadMemory& memory,
                ChunkScratch& scratch, std::span<Seen> computed = {}) {
  const auto get = [&](int64_t chunk) {
    return computed.empty() ? attend_one_chunk(kernels, block, memory, chunk, scratch)
                            : std::move(computed[static_cast<size_t>(chunk)]);
  };
  Seen seen = get(0);
  for (int64_t chunk = 1; chunk < chunks_for(block.visible.back()); ++chunk) {
    const Seen later = get(chunk);
    scratch.visible.clear();
    for (const int64_t visible : block.visible)
      scratch.visible.push_back(std::max<int64_t>(visible - chunk * kChunkKeys, 0));
    join(seen, later, scratch.visible, block.width);
  }
  return seen;
}

float score_scale(int64_t head_width) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_width)));
}

void append_scaled(std::vector<float>& q, const float* row, int64_t width) {
  const float scale = score_scale(width);
  const size_t at = q.size();
  q.resize(at + static_cast<size_t>(width));
  for (int64_t i = 0; i < width; ++i) q[at + static_cast<size_t>(i)] = row[i] * scale;
}

void write_out(const Seen& seen, int64_t query, int64_t width, float* y) {
  const auto q = static_cast<size_t>(query);
  const float scale = 1.0F / seen.total[q];
  for (int64_t i = 0; i < width; ++i) y[i] = seen.y[static_cast<size_t>(query * width + i)] * scale;
}

// Consecutive rows of one sequence and the query heads that read one head of keys.
struct PagedBlock {
  const RaggedSequence* sequence;
  int64_t kv_head;
  int64_t first_row, rows;  // in the batch

  int64_t keys() const { return sequence->start_position + first_row + rows - sequence->first_row; }
};

QueryBlock queries_of(const op::AttentionPaged& args, const PagedBlock& block) {
  const int64_t group = args.heads / args.kv_heads;
  QueryBlock queries{.q = {}, .visible = {}, .width = args.head_width};
  for (int64_t r = block.first_row; r < block.first_row + block.rows; ++r) {
    for (int64_t g = 0; g < group; ++g) {
      const int64_t head = block.kv_head * group + g;
      append_scaled(queries.q, args.q.data() + (r * args.heads + head) * args.head_width,
                    args.head_width);
      queries.visible.push_back(block.sequence->start_position + r - block.sequence->first_row + 1);
    }
  }
  return queries;
}

void write_block(const op::AttentionPaged& args, const PagedBlock& block, const Seen& seen) {
  const int64_t group = args.heads / args.kv_heads;
  int64_t query = 0;
  for (int64_t r = block.first_row; r < block.first_row + block.rows; ++r) {
    for (int64_t g = 0; g < group; ++g) {
      const int64_t head = block.kv_head * group + g;
      write_out(seen, query++, args.head_width,
                args.y.data() + (r * args.heads + head) * args.head_width);
    }
  }
}

std::vector<PagedBlock> blocks_of(const op::AttentionPaged& args) {
  const int64_t rows_at_a_time =
      std::max<int64_t>(kQueriesAtATime / (args.heads / args.kv_heads), 1);
  std::vector<PagedBlock> blocks;
  for (const RaggedSequence& sequence : args.sequences) {
    for (int64_t head = 0; head < args.kv_heads; ++head) {
      for (int64_t r = 0; r < sequence.rows; r += rows_at_a_time)
        blocks.push_back(
            {&sequence, head, sequence.first_row + r, std::min(rows_at_a_time, sequence.rows - r)});
    }
  }
  return blocks;
}

}  // namespace

void CpuOps::run(const op::AttentionPaged& args) const {
  const std::vector<PagedBlock> blocks = blocks_of(args);
  const int64_t group = args.heads / args.kv_heads;
  std::vector<int64_t> first_chunk;  // of each block, numbered through
  int64_t chunks = 0;
  for (const PagedBlock& block : blocks) {
    first_chunk.push_back(chunks);
    chunks += chunks_for(block.keys());
  }
  const int64_t mean_cost = 2 * kChunkKeys * args.head_width * group;
  const auto count = static_cast<int64_t>(blocks.size());
  const auto memory_of = [&](const PagedBlock& block, int64_t first_key, int64_t last_key) {
    return paged_head(block.sequence->kv, block.kv_head, args.head_width, first_key,
                      std::min(last_key, block.keys()));
  };

  // Many blocks keep all threads busy by themselves; few with long pasts are shared out by chunks.
  constexpr int64_t kManyBlocks = 64;
  if (count >= kManyBlocks || chunks == count) {
    for_chunks(count, mean_cost, [&](int64_t begin, int64_t end) {
      ChunkScratch scratch;
      for (int64_t b = begin; b < end; ++b) {
        const PagedBlock& block = blocks[static_cast<size_t>(b)];
        const QueryBlock queries = queries_of(args, block);
        const HeadMemory memory = memory_of(block, 0, block.keys());
        write_block(args, block, attend_all(kernels_, queries, memory, scratch));
      }
    });
    return;
  }
  std::vector<QueryBlock> queries;
  queries.reserve(blocks.size());
  for (const PagedBlock& block : blocks) queries.push_back(queries_of(args, block));
  std::vector<Seen> seen(static_cast<size_t>(chunks), Seen(0, 0));
  for_chunks(chunks, mean_cost, [&](int64_t begin, int64_t end) {
    ChunkScratch scratch;
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const auto b = static_cast<size_t>(std::ranges::upper_bound(first_chunk, chunk) -
                                         first_chunk.begin() - 1);
      const int64_t of_block = chunk - first_chunk[b];
      const HeadMemory memory =
          memory_of(blocks[b], of_block * kChunkKeys, (of_block + 1) * kChunkKeys);
      seen[static_cast<size_t>(chunk)] =
          attend_one_chunk(kernels_, queries[b], memory, of_block, scratch);
    }
  });
  ChunkScratch scratch;
  for (size_t b = 0; b < blocks.size(); ++b) {
    const auto own = std::span(seen).subspan(static_cast<size_t>(first_chunk[b]));
    write_block(args, blocks[b], attend_all(kernels_, queries[b], {}, scratch, own));
  }
}

// Keys and values are written to pages of their own first, in the order in which kernels read them.
void CpuOps::run(const op::AttentionBidirectional& args) const {
  constexpr int64_t kFramesAPage = 64;
  const int64_t row_width = length(args.q) / args.frames;
  const int64_t width = row_width / args.heads;
  const DType dtype = args.products == op::Products::kInt16 ? DType::kI16 : DType::kF32;
  const int64_t key_bytes = args.heads * key_plane_bytes(dtype, width, kFramesAPage);
  const int64_t page_bytes = key_bytes + args.heads * value_plane_bytes(dtype, width, kFramesAPage);
  const int64_t pages = (args.valid_keys + kFramesAPage - 1) / kFramesAPage;
  Buffer memory = buffer(pages * page_bytes / 4);
  std::vector<std::byte*> page_list;
  for (int64_t page = 0; page < pages; ++page)
    page_list.push_back(reinterpret_cast<std::byte*>(memory.values().data()) + page * page_bytes);
  const KvPages kv{.pages = page_list,
                   .dtype = dtype,
                   .page_tokens = kFramesAPage,
                   .key_offset_bytes = 0,
                   .value_offset_bytes = key_bytes};
  for_chunks(pages, kFramesAPage * row_width, [&](int64_t begin, int64_t end) {
    const int64_t last = std::min(end * kFramesAPage, args.valid_keys);
    for (int64_t frame = begin * kFramesAPage; frame < last; ++frame) {
      write_kv_row(kv, args.heads, width, frame, args.k.data() + frame * row_width,
                   args.v.data() + frame * row_width);
    }
  });

  const int64_t blocks = (args.frames + kQueriesAtATime - 1) / kQueriesAtATime;
  const int64_t cost = 2 * kQueriesAtATime * args.valid_keys * width;
  for_chunks(args.heads * blocks, cost, [&](int64_t begin, int64_t end) {
    ChunkScratch scratch;
    for (int64_t item = begin; item < end; ++item) {
      const int64_t head = item / blocks;
      const int64_t first = item % blocks * kQueriesAtATime;
      const int64_t last = std::min(first + kQueriesAtATime, args.frames);
      QueryBlock queries{.q = {}, .visible = {}, .width = width};
      for (int64_t s = first; s < last; ++s) {
        append_scaled(queries.q, args.q.data() + s * row_width + head * width, width);
        queries.visible.push_back(args.valid_keys);
      }
      const HeadMemory of_head = paged_head(kv, head, width, 0, args.valid_keys);
      const Seen seen = attend_all(kernels_, queries, of_head, scratch);
      for (int64_t s = first; s < last; ++s)
        write_out(seen, s - first, width, args.y.data() + s * row_width + head * width);
    }
  });
}

void CpuOps::run(const op::KvWrite& args) const {
  const int64_t row_width = args.kv_heads * args.head_width;
  for_chunks(length(args.k) / row_width, row_width * 8, [&](int64_t begin, int64_t end) {
    for (const RaggedSequence& sequence : args.sequences) {
      const int64_t last = std::min(end, sequence.first_row + sequence.rows);
      for (int64_t r = std::max(begin, sequence.first_row); r < last; ++r) {
        write_kv_row(sequence.kv, args.kv_heads, args.head_width,
                     sequence.start_position + r - sequence.first_row,
                     args.k.data() + r * row_width, args.v.data() + r * row_width);
      }
    }
  });
}

}  // namespace stapes
