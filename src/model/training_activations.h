// The memory of a training pass beside the parameters: what is kept for the backward pass, and the rest.
#pragma once

#include <array>
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

// What is kept from the forward pass for the backward pass, per token and layer. With a the bytes of f32, c those of an
// input of products (4 or, in bf16, 2) and b those of TrainingOptions::activations:
//   none      all: a (d + r + 4 n) + 3 b e + c (d + 2 e + r), plain Mamba a (2 n) less, and on a GPU the states between
//             chunks, a n e / 8. Nothing is computed twice.
//   states    all but the states between chunks, for which the scan's backward pass walks forward once more. On the
//             CPU, where it always does, this is none.
//   in_block  the layer's input, xz and the output of x_proj: a (d + r + 2 n) + 2 b e. Norms, convolution, dt_proj and
//             scan are computed twice; in_proj, x_proj and out_proj, which are nearly all of a large model's
//             arithmetic, are not.
//   full      the layer's input alone: a d. All but out_proj is computed twice.
// The memory of one layer beyond what is kept is needed once, whatever the number of layers.
enum class Recompute { none, states, in_block, full };
inline constexpr std::array kRecomputeLevels{Recompute::none, Recompute::states, Recompute::in_block, Recompute::full};
// As recipes say, in that order.
inline constexpr std::array kRecomputeNames{"none", "states", "in_block", "full"};
constexpr std::string_view name(Recompute level) noexcept {
  return kRecomputeNames[static_cast<size_t>(level)];
}
// Throws invalid_argument unless it is one of these names.
Recompute recompute_named(std::string_view level);

// Of xz and delta, and of gradients between operations, where nobody asks for others: bf16 on a GPU if products are
// and have no bias to add in f32; f32 elsewhere.
inline DType usual_activations(const ModelConfig& config, DType products, BackendKind on) noexcept {
  return on == BackendKind::cuda && products == DType::bf16 && !config.use_bias ? DType::bf16 : DType::f32;
}

struct TrainingOptions {
  // Of the inputs of products: f32, bf16 (from f32 masters), or f64 for everything on the reference backend.
  DType dtype = DType::f32;
  DType activations = DType::f32;            // usual_activations(); bf16 on a GPU or the reference, with dtype bf16
  MasterFormat masters = MasterFormat::f32;  // split: with bf16
  Recompute recompute = Recompute::none;
  int64_t max_rows = 1024;  // tokens of a micro-batch
  int64_t max_slots = 0;    // sequences whose state is carried; 0 where every document starts from zero state
};

// Segments of a pass that memory on a GPU is planned for: documents of 64 tokens in the mean. Passes of more run, too.
int64_t planned_segments(int64_t rows, int64_t slots);

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
  TensorView dresidual;                  // [l, d] f32
  TensorView dresidual_rounded;          // [l, d]: in bf16 where activations are, else empty
  MixerState replay;                     // the states of a layer that is computed again
  MixerScratch scratch;

  // Of max_rows and max_slots.
  static Bytes bytes(const ModelConfig& config, const TrainingOptions& options, BackendKind kind);
  // Allocates nothing after the first call. `segments`: of the pass.
  void place(Arena& arena, const ModelConfig& config, const TrainingOptions& options, int64_t rows, int64_t slots,
             int64_t segments);
};

}  // namespace saker
