#include "train/parallel/ranks.h"

#include <torch/cuda.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>

#ifdef USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include "base/fail.h"

namespace stapes::train {
namespace {

using torch::Tensor;

// Gradients are summed in pieces of this size: large enough for the network, small beside them.
constexpr int64_t kBucketValues = int64_t{1} << 23;

std::vector<uint8_t> bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

}  // namespace

struct Ranks::Connection {
  c10::intrusive_ptr<c10d::TCPStore> store;
  c10::intrusive_ptr<c10d::ProcessGroup> group;
  uint64_t gathered = 0;
};

template <typename Work>
void Ranks::wait(const std::string& what, Work&& work) const {
  const auto start = std::chrono::steady_clock::now();
  try {
    work();
  } catch (const std::exception& error) {
    // Only the first line: what follows is libtorch's stack.
    const std::string text = error.what();
    fail(ErrorCode::kIo, "rank {} of {} lost the others at {} after {:.0f} s: {}", rank(), count(),
         what, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
         text.substr(0, text.find('\n')));
  }
}

Ranks::Ranks(const Placement& placement) : placement_(placement) {
  if (alone()) return;
  wait(fmt::format("the start, {}:{}", placement.address, placement.port), [&] {
    c10d::TCPStoreOptions options;
    options.port = placement.port;
    options.isServer = leads();
    options.numWorkers = static_cast<size_t>(count());
    options.timeout = placement.timeout;
    auto connection = std::make_unique<Connection>();
    connection->store = c10::make_intrusive<c10d::TCPStore>(placement.address, options);
    auto gloo = c10d::ProcessGroupGloo::Options::create(placement.timeout);
    // One machine needs no name that resolves.
    gloo->devices.push_back(placement.address == "127.0.0.1"
                                ? c10d::ProcessGroupGloo::createDeviceForHostname(placement.address)
                                : c10d::ProcessGroupGloo::createDefaultDevice());
    connection->group = c10::make_intrusive<c10d::ProcessGroupGloo>(connection->store, rank(),
                                                                    count(), std::move(gloo));
#ifdef USE_C10D_NCCL
    if (torch::cuda::is_available())
      connection->group =
          c10::make_intrusive<c10d::ProcessGroupNCCL>(connection->store, rank(), count());
#endif
    connection_ = std::move(connection);
  });
}

Ranks::Ranks() = default;
Ranks::~Ranks() = default;
Ranks::Ranks(Ranks&&) noexcept = default;
Ranks& Ranks::operator=(Ranks&&) noexcept = default;

void Ranks::sum(std::vector<double>& numbers, const std::string& what) const {
  if (alone() || numbers.empty()) return;
  wait(what, [&] {
    std::vector<Tensor> tensors = {torch::tensor(numbers, torch::kFloat64)};
    connection_->group->allreduce(tensors)->wait();
    std::copy_n(tensors[0].data_ptr<double>(), numbers.size(), numbers.begin());
  });
}

void Ranks::sum(const std::vector<double*>& numbers, const std::string& what) const {
  std::vector<double> values;
  for (const double* number : numbers) values.push_back(*number);
  sum(values, what);
  for (size_t i = 0; i < numbers.size(); ++i) *numbers[i] = values[i];
}

void Ranks::sum_gradients(std::span<const Tensor> tensors, const std::string& what) const {
  if (alone()) return;
  const torch::NoGradGuard no_grad;
  // A tensor that no rank's pass has reached keeps no gradient, as in one process alone.
  std::vector<double> reached;
  for (const Tensor& tensor : tensors) reached.push_back(tensor.grad().defined() ? 1 : 0);
  sum(reached, what);
  for (size_t begin = 0; begin < tensors.size();) {
    size_t end = begin;
    int64_t values = 0;
    std::vector<Tensor> pieces;
    while (end < tensors.size() && (end == begin || values < kBucketValues)) {
      const Tensor& gradient = tensors[end].grad();
      pieces.push_back(gradient.defined()
                           ? gradient.reshape({-1})
                           : torch::zeros({tensors[end].numel()}, tensors[end].options()));
      values += tensors[end++].numel();
    }
    std::vector<Tensor> bucket = {torch::cat(pieces)};
    wait(what, [&] { connection_->group->allreduce(bucket)->wait(); });
    for (int64_t place = 0; begin < end; ++begin) {
      Tensor tensor = tensors[begin];
      if (reached[begin] > 0)
        tensor.mutable_grad() = bucket[0].narrow(0, place, tensor.numel()).view_as(tensor).clone();
      place += tensor.numel();
    }
  }
}

void Ranks::broadcast(std::span<const Tensor> tensors, const std::string& what) const {
  if (alone()) return;
  const torch::NoGradGuard no_grad;
  for (const Tensor& tensor : tensors) {
    std::vector<Tensor> one = {tensor.detach()};
    wait(what, [&] { connection_->group->broadcast(one)->wait(); });
  }
}

bool Ranks::any(bool here, const std::string& what) const {
  std::vector<double> count = {here ? 1.0 : 0.0};
  sum(count, what);
  return count[0] > 0;
}

std::vector<std::string> Ranks::gather(const std::string& text, const std::string& what) const {
  if (alone()) return {text};
  std::vector<std::string> texts(static_cast<size_t>(count()));
  wait(what, [&] {
    // All gather in the same order, so that the how-manieth time it is names it.
    const uint64_t time = connection_->gathered++;
    const auto key = [&](uint64_t of, int rank) { return fmt::format("gather/{}/{}", of, rank); };
    // Whoever gathers for the next time has read all of the time before: that may go.
    if (time >= 2) connection_->store->deleteKey(key(time - 2, rank()));
    connection_->store->set(key(time, rank()), bytes_of(text));
    for (int other = 0; other < count(); ++other) {
      const std::vector<uint8_t> bytes = connection_->store->get(key(time, other));
      texts[static_cast<size_t>(other)].assign(bytes.begin(), bytes.end());
    }
  });
  return texts;
}

}  // namespace stapes::train
