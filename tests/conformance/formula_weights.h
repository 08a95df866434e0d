// The fixture of model-spec, appendix A: small weights from an integer formula.
#pragma once

#include <memory>
#include <vector>

#include "device/buffer.h"
#include "model/weights.h"

namespace saker::conformance {

inline constexpr int64_t kVocab = 11, kModel = 6, kInner = 12, kState = 3, kRank = 2, kConv = 4, kLayers = 2;

// Flat element i of the tensor with number tau, in [-1, 1).
inline double formula(int64_t tau, int64_t i) {
  return static_cast<double>((31 * i * i + 17 * i + 101 * tau + 7) % 257 - 128) / 128.0;
}

class FormulaWeights {
 public:
  FormulaWeights() {
    weights_.config = {.vocab_size = kVocab,
                       .d_model = kModel,
                       .n_layer = kLayers,
                       .d_inner = kInner,
                       .d_state = kState,
                       .d_conv = kConv,
                       .dt_rank = kRank,
                       .rms_eps = 1e-5,
                       .mixer_rms_eps = 1e-6,
                       .tied_embeddings = false};
    weights_.embeddings = add({kVocab, kModel}, 0, 0.0, 1.0);
    for (int64_t layer = 0; layer < kLayers; ++layer) {
      const int64_t beta = 1 + 11 * layer;
      LayerWeights w;
      w.norm = add({kModel}, beta, 1.0, 0.125);
      w.in_proj = add({2 * kInner, kModel}, beta + 1, 0.0, 0.5);
      w.conv1d = add({kInner, 1, kConv}, beta + 2, 0.0, 0.5);
      w.conv1d_bias = add({kInner}, beta + 3, 0.0, 0.25);
      w.x_proj = add({kRank + 2 * kState, kInner}, beta + 4, 0.0, 0.5);
      w.dt_proj = add({kInner, kRank}, beta + 5, 0.0, 0.5);
      w.dt_proj_bias = add({kInner}, beta + 6, -1.0, 0.5);
      w.A_log = add({kInner, kState}, beta + 7, 0.0, 0.125);
      for (int64_t i = 0; i < kInner * kState; ++i)
        tensors_.back()->view().as<double>()[i] += 0.5 * static_cast<double>(i % kState);
      w.D = add({kInner}, beta + 8, 1.0, 0.125);
      w.out_proj = add({kModel, kInner}, beta + 9, 0.0, 0.5);
      weights_.layers.push_back(w);
    }
    weights_.norm_f = add({kModel}, 40, 1.0, 0.125);
    weights_.lm_head = add({kVocab, kModel}, 41, 0.0, 0.5);
  }

  const Weights& weights() const { return weights_; }

 private:
  // mean + scale v(tau, i)
  ConstTensorView add(const Shape& shape, int64_t tau, double mean, double scale) {
    tensors_.push_back(std::make_unique<Tensor>(DType::f64, shape));
    for (int64_t i = 0; i < shape.elements(); ++i)
      tensors_.back()->view().as<double>()[i] = mean + scale * formula(tau, i);
    return tensors_.back()->view();
  }

  std::vector<std::unique_ptr<Tensor>> tensors_;
  Weights weights_;
};

// Rows 0 and 1 of the fixture's batch; row 1 without its two pads.
inline const std::vector<int32_t> kRow0{3, 1, 4, 1, 5, 9, 2}, kRow1{7, 8, 2, 10, 6};

}  // namespace saker::conformance
