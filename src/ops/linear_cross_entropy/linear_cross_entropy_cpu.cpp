#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "ops/linear_cross_entropy/linear_cross_entropy_cpu.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "device/cpu/parallel.h"
#include "device/cpu/simd-inl.h"
#include "ops/linear_cross_entropy/linear_cross_entropy.h"
#include "ops/op_table.h"

HWY_BEFORE_NAMESPACE();
namespace saker::HWY_NAMESPACE {

// logits[i] = factor e^(logits[i] - lse)
void scaled_softmax(float* logits, int64_t count, float lse, float factor) {
  const F32 d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto probability = [&](VecF32 v) HWY_ATTR {
    return hn::Mul(exp_f32(d, hn::Sub(v, hn::Set(d, lse))), hn::Set(d, factor));
  };
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) store_f32(probability(load_f32(d, logits + i)), d, logits + i);
  if (i == count) return;
  const auto rest = static_cast<size_t>(count - i);
  store_tail_f32(probability(load_tail_f32(d, logits + i, rest)), d, logits + i, rest);
}

}  // namespace saker::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace saker {
HWY_EXPORT(scaled_softmax);

namespace cpu {

namespace {

// A cache line more than a row: rows that are a power of two apart would all be in a few sets of the caches.
int64_t logits_stride(int64_t v) {
  return v + 64 / static_cast<int64_t>(sizeof(float));
}

// Rows [begin, begin + rows), whose labels are `labels`: their logits, loss, and then dlogits in the place of logits.
class HeadChunk {
 public:
  HeadChunk(Stream& stream, const LinearCrossEntropyArgs& args, int64_t begin, int64_t rows, float* logits)
      : stream_(stream),
        args_(args),
        x_(args.x.slice_rows(begin, rows)),
        logits_(logits, DType::f32, Shape{rows, args.weight.rows()}, logits_stride(args.weight.rows())),
        nats_(args.nats.slice_rows(begin, rows)),
        lse_(args.lse.slice_rows(begin, rows)),
        labels_(args.labels.subspan(static_cast<size_t>(begin), static_cast<size_t>(rows))),
        begin_(begin) {}

  void loss() {
    stream_.ops().linear(stream_, {.y = logits_, .x = x_, .weight = args_.weight, .bias = {}});
    stream_.ops().log_sum_exp(stream_, {lse_, logits_});
    for (int64_t t = 0; t < logits_.rows(); ++t) {
      float &nats = nats_.as<float>()[nats_.offset(t)], &lse = lse_.as<float>()[lse_.offset(t)];
      const int32_t label = labels_[static_cast<size_t>(t)];
      nats = label == kIgnoredLabel ? 0.0f : lse - row(t)[label];
      if (label == kIgnoredLabel) lse = 0.0f;
    }
  }

  void gradients() {
    parallel_for(stream_.threads(), logits_.rows(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t t = begin; t < end; ++t) differentiate(t);
    });
    stream_.ops().linear_backward(stream_, {.dx = args_.dx.slice_rows(begin_, logits_.rows()),
                                            .dweight = args_.dweight,
                                            .dbias = {},
                                            .dy = logits_,
                                            .x = x_,
                                            .weight = args_.weight,
                                            .first = args_.first && begin_ == 0});
  }

 private:
  float* row(int64_t t) const { return logits_.as<float>() + logits_.offset(t); }

  void differentiate(int64_t t) const {
    const int64_t v = logits_.columns();
    const int32_t label = labels_[static_cast<size_t>(t)];
    if (label == kIgnoredLabel) {
      std::fill_n(row(t), v, 0.0f);
      return;
    }
    const float lse = lse_.as<float>()[lse_.offset(t)];
    const double factor = args_.scale * (1.0 + 2.0 * args_.z_loss * static_cast<double>(lse));
    HWY_DYNAMIC_DISPATCH(scaled_softmax)(row(t), v, lse, static_cast<float>(factor));
    row(t)[label] -= static_cast<float>(args_.scale);
  }

  Stream& stream_;
  const LinearCrossEntropyArgs& args_;
  ConstTensorView x_;
  TensorView logits_, nats_, lse_;
  std::span<const int32_t> labels_;
  int64_t begin_;
};

}  // namespace

void linear_cross_entropy(Stream& stream, const LinearCrossEntropyArgs& args) {
  const int64_t l = args.x.rows(), v = args.weight.rows();
  auto* logits = static_cast<float*>(
      stream.outer_scratch(static_cast<size_t>(std::min(l, kHeadRows) * logits_stride(v)) * sizeof(float)));
  for (int64_t begin = 0; begin < l; begin += kHeadRows) {
    HeadChunk chunk(stream, args, begin, std::min(kHeadRows, l - begin), logits);
    chunk.loss();
    if (args.dx) chunk.gradients();
  }
}

}  // namespace cpu
}  // namespace saker
#endif
