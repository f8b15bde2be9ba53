#include "model/weights.h"

#include "spec/tensor_table.h"

namespace stapes {
namespace {

// Asks for tensors below a prefix, by the release's names (reference A3).
class Reader {
 public:
  Reader(const ModelTensors& tensors, const Ops& ops) : tensors_(tensors), ops_(ops) {}

  TensorView tensor(const std::string& name, const Shape& shape) const {
    // check_tensors has seen to the dtype; what the operations can compute with is theirs to say.
    return ops_.place_weight(tensors_.require(name, shape));
  }

  Affine weight_only(const std::string& module, const Shape& shape) const {
    return {.weight = tensor(module + ".weight", shape), .bias = {}};
  }

  // A norm's or a layer's pair; the bias has the weight's first dimension.
  Affine affine(const std::string& module, const Shape& shape) const {
    return {.weight = tensor(module + ".weight", shape),
            .bias = tensor(module + ".bias", {shape.front()})};
  }

 private:
  const ModelTensors& tensors_;
  const Ops& ops_;
};

EncoderBlockWeights read_encoder_block(const Reader& read, const std::string& prefix,
                                       const EncoderConfig& config) {
  const int64_t width = config.width;
  const int64_t wide = config.feed_forward();
  return {.attn_ln = read.affine(prefix + "attn_ln", {width}),
          .query = read.affine(prefix + "attn.query", {width, width}),
          .key = read.weight_only(prefix + "attn.key", {width, width}),
          .value = read.affine(prefix + "attn.value", {width, width}),
          .out = read.affine(prefix + "attn.out", {width, width}),
          .mlp_ln = read.affine(prefix + "mlp_ln", {width}),
          .mlp_up = read.affine(prefix + "mlp.0", {wide, width}),
          .mlp_down = read.affine(prefix + "mlp.2", {width, wide})};
}

EncoderWeights read_encoder(const Reader& read, const EncoderConfig& config) {
  const int64_t width = config.width;
  EncoderWeights weights{.conv1 = read.affine("encoder.conv1", {width, config.mel_bands, 3}),
                         .conv2 = read.affine("encoder.conv2", {width, width, 3}),
                         .positional_embedding = read.tensor("encoder.positional_embedding.weight",
                                                             {config.max_positions, width}),
                         .blocks = {},
                         .after_norm = read.affine("encoder.after_norm", {width})};
  for (int64_t i = 0; i < config.layers; ++i) {
    weights.blocks.push_back(
        read_encoder_block(read, "encoder.blocks." + std::to_string(i) + ".", config));
  }
  return weights;
}

AdaptorWeights read_adaptor(const Reader& read, const ModelConfig& config) {
  const int64_t width = config.encoder.width;
  const int64_t hidden = config.adaptor.hidden_width;
  return {.conv = read.affine("adapter.conv", {width, width, config.adaptor.kernel}),
          .linear1 = read.affine("adapter.linear1", {hidden, width}),
          .linear2 = read.affine("adapter.linear2", {config.decoder.width, hidden})};
}

DecoderLayerWeights read_decoder_layer(const Reader& read, const std::string& prefix,
                                       const DecoderConfig& config) {
  const int64_t width = config.width;
  const int64_t wide = config.feed_forward;
  const int64_t queries = config.heads * config.head_width();
  const int64_t keys = config.kv_heads * config.head_width();
  return {
      .input_layernorm = read.weight_only(prefix + "input_layernorm", {width}),
      .q_proj = read.affine(prefix + "self_attn.q_proj", {queries, width}),
      .k_proj = read.affine(prefix + "self_attn.k_proj", {keys, width}),
      .v_proj = read.affine(prefix + "self_attn.v_proj", {keys, width}),
      .o_proj = read.weight_only(prefix + "self_attn.o_proj", {width, queries}),
      .post_attention_layernorm = read.weight_only(prefix + "post_attention_layernorm", {width}),
      .gate_proj = read.weight_only(prefix + "mlp.gate_proj", {wide, width}),
      .up_proj = read.weight_only(prefix + "mlp.up_proj", {wide, width}),
      .down_proj = read.weight_only(prefix + "mlp.down_proj", {width, wide})};
}

DecoderWeights read_decoder(const Reader& read, const DecoderConfig& config) {
  const Shape table{config.vocabulary, config.width};
  DecoderWeights weights{.embed_tokens = read.tensor("model.embed_tokens.weight", table),
                         .layers = {},
                         .norm = read.weight_only("model.norm", {config.width}),
                         .lm_head = read.weight_only("lm_head", table)};
  for (int64_t i = 0; i < config.layers; ++i) {
    weights.layers.push_back(
        read_decoder_layer(read, "model.layers." + std::to_string(i) + ".", config));
  }
  return weights;
}

}  // namespace

ModelWeights load_weights(const ModelTensors& tensors, const ModelConfig& config, const Ops& ops) {
  check_tensors(tensors, tensor_table(config));
  const Reader read(tensors, ops);
  return {.encoder = read_encoder(read, config.encoder),
          .adaptor = read_adaptor(read, config),
          .decoder = read_decoder(read, config.decoder)};
}

}  // namespace stapes
