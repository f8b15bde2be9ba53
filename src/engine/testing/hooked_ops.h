// For tests: operations that can be made to wait or to throw in the middle of a forward pass.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "base/thread_pool.h"
#include "ops/ops.h"

namespace stapes::testing {

// What happens once in each forward pass, on one of a pool's threads. Thread-safe.
class Hooks {
 public:
  void in_encoder(std::function<void()> hook) { set(encoder_, std::move(hook)); }
  void in_decoder(std::function<void()> hook) { set(decoder_, std::move(hook)); }
  void run_encoder_hook() { run(encoder_); }
  void run_decoder_hook() { run(decoder_); }

 private:
  using Hook = std::function<void()>;
  void set(Hook& place, Hook hook) {
    const std::scoped_lock lock(mutex_);
    place = std::move(hook);
  }
  void run(const Hook& place) {
    std::unique_lock lock(mutex_);
    const Hook hook = place;
    lock.unlock();
    if (hook)
      pool_.parallel_for(2, 1, [&](int64_t begin, int64_t) { begin == 1 ? hook() : void(); });
  }

  std::mutex mutex_;
  Hook encoder_;
  Hook decoder_;
  ThreadPool pool_{2};
};

// Another table with hooks: in the encoder's pool, and in the decoder's rope table.
class HookedOps : public Ops {
 public:
  HookedOps(std::unique_ptr<Ops> inner, std::shared_ptr<Hooks> hooks)
      : inner_(std::move(inner)), hooks_(std::move(hooks)) {}
  std::string_view name() const override { return inner_->name(); }
  void parallel_for(int64_t count, const Body& body) const override {
    inner_->parallel_for(count, body);
  }

 private:
  void run(const op::LinearGroup& args) const override { inner_->linear_group(args); }
  void run(const op::Conv1d& args) const override { inner_->conv1d(args); }
  void run(const op::LayerNorm& args) const override { inner_->layer_norm(args); }
  void run(const op::RmsNorm& args) const override { inner_->rms_norm(args); }
  void run(const op::GeluErf& args) const override { inner_->gelu_erf(args); }
  void run(const op::Relu& args) const override { inner_->relu(args); }
  void run(const op::SiluMul& args) const override { inner_->silu_mul(args); }
  void run(const op::Add& args) const override { inner_->add(args); }
  void run(const op::Softmax& args) const override { inner_->softmax(args); }
  void run(const op::Embed& args) const override { inner_->embed(args); }
  void run(const op::AveragePool& args) const override {
    hooks_->run_encoder_hook();
    inner_->average_pool(args);
  }
  void run(const op::RopeTable& args) const override {
    hooks_->run_decoder_hook();
    inner_->rope_table(args);
  }
  void run(const op::Rope& args) const override { inner_->rope(args); }
  void run(const op::AttentionBidirectional& args) const override {
    inner_->attention_bidirectional(args);
  }
  void run(const op::KvWrite& args) const override { inner_->kv_write(args); }
  void run(const op::AttentionPaged& args) const override { inner_->attention_paged(args); }

  std::unique_ptr<Ops> inner_;
  std::shared_ptr<Hooks> hooks_;
};

}  // namespace stapes::testing
