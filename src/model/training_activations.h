// The memory of a training pass beside the parameters: what is kept for the backward pass, and the rest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "device/arena.h"
#include "model/config.h"
#include "model/master.h"
#include "model/mixer_backward.h"
#include "model/state.h"

namespace saker {

// What is kept from the forward pass for the backward pass, per token and layer. With a the bytes of f32, and c those
// of an input of products (4 or, in bf16, 2):
//   none      all: a (d + 3 e + r + 4 n) + c (d + 2 e + r), plain Mamba a (2 n) less. Nothing is computed twice.
//   in_block  the layer's input, xz and the output of x_proj: a (d + 2 e + r + 2 n). Norms, convolution, dt_proj and
//   scan
//             are computed twice; in_proj, x_proj and out_proj, which are nearly all of a large model's arithmetic,
//             are not.
//   full      the layer's input alone: a d. All but out_proj is computed twice.
// The memory of one layer beyond what is kept is needed once, whatever the number of layers.
enum class Recompute { none, in_block, full };
// As recipes say.
constexpr std::string_view name(Recompute level) noexcept {
  return level == Recompute::none ? "none" : level == Recompute::in_block ? "in_block" : "full";
}

struct TrainingOptions {
  // Of the inputs of products: f32, bf16 (from f32 masters), or f64 for everything on the reference backend.
  DType dtype = DType::f32;
  MasterFormat masters = MasterFormat::f32;  // split: with bf16
  Recompute recompute = Recompute::none;
  int64_t max_rows = 1024;  // tokens of a micro-batch
  int64_t max_slots = 0;    // sequences whose state is carried; 0 where every document starts from zero state
};

// Views of l rows and s slots, placed in one arena. What is not kept lies where that of the other layers does.
struct TrainingActivations {
  struct Bytes {
    size_t kept, working;
  };

  std::vector<TensorView> residuals;     // p + 1 of [l, d]: residuals[i] enters layer i
  std::vector<MixerActivations> layers;  // p
  StateView before;                      // the states before: conv [p, s, k - 1, e], ssm [p, s, n, e]
  TensorView hidden;                     // [l, d]: after the final norm
  TensorView lse;                        // [l, 1]
  TensorView dresidual;                  // [l, d]
  MixerState replay;                     // the states of a layer that is computed again
  MixerScratch scratch;

  // Of max_rows and max_slots.
  static Bytes bytes(const ModelConfig& config, const TrainingOptions& options);
  // Allocates nothing after the first call.
  void place(Arena& arena, const ModelConfig& config, const TrainingOptions& options, int64_t rows, int64_t slots);
};

}  // namespace saker
