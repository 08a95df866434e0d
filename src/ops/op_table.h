// The operations of a backend: one function pointer each, chosen once at start. Arguments arrive checked (<op>.cpp).
#pragma once

#include "device/backend.h"
#include "ops/adamw/adamw.h"
#include "ops/adamw/adamw_8bit.h"
#include "ops/cast/cast.h"
#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/causal_conv1d/causal_conv1d_backward.h"
#include "ops/choose_tokens/choose_tokens.h"
#include "ops/embedding/embedding.h"
#include "ops/embedding/embedding_backward.h"
#include "ops/linear/linear.h"
#include "ops/linear/linear_backward.h"
#include "ops/linear_cross_entropy/linear_cross_entropy.h"
#include "ops/log_sum_exp/log_sum_exp.h"
#include "ops/mixer_step/mixer_step.h"
#include "ops/negative_exp/negative_exp.h"
#include "ops/pick_columns/pick_columns.h"
#include "ops/quantize/quantize.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rms_norm/rms_norm_backward.h"
#include "ops/selective_scan/selective_scan.h"
#include "ops/selective_scan/selective_scan_backward.h"
#include "ops/sum_of_squares/sum_of_squares.h"

namespace saker {

struct OpTable {
  void (*embedding)(Stream&, const EmbeddingArgs&);
  void (*rms_norm)(Stream&, const RmsNormArgs&);
  void (*linear)(Stream&, const LinearArgs&);
  void (*cast)(Stream&, const CastArgs&);
  void (*causal_conv1d)(Stream&, const CausalConv1dArgs&);
  void (*selective_scan)(Stream&, const SelectiveScanArgs&);
  void (*log_sum_exp)(Stream&, const LogSumExpArgs&);
  void (*pick_columns)(Stream&, const PickColumnsArgs&);
  void (*quantize)(Stream&, const QuantizeArgs&);
  void (*choose_tokens)(Stream&, const ChooseTokensArgs&);
  bool (*mixer_step)(Stream&, const MixerStepArgs&);  // null: the model runs the operations that it is made of

  // Gradients, the loss and the optimiser.
  void (*linear_backward)(Stream&, const LinearBackwardArgs&);
  void (*rms_norm_backward)(Stream&, const RmsNormBackwardArgs&);
  void (*causal_conv1d_backward)(Stream&, const CausalConv1dBackwardArgs&);
  void (*selective_scan_backward)(Stream&, const SelectiveScanBackwardArgs&);
  void (*embedding_backward)(Stream&, const EmbeddingBackwardArgs&);
  void (*linear_cross_entropy)(Stream&, const LinearCrossEntropyArgs&);
  void (*sum_of_squares)(Stream&, const SumOfSquaresArgs&);
  void (*adamw)(Stream&, std::span<const AdamwArgs>);
  void (*adamw_8bit)(Stream&, const Adamw8bitArgs&);
  void (*negative_exp)(Stream&, const NegativeExpArgs&);
};

// What to run on. Environment: SAKER_BACKEND=reference|cpu|cuda, SAKER_CPU_ISA=baseline|avx2|avx512 (at most),
// SAKER_OP_REFERENCE=op,... (these ops of the CPU's from the reference, to find the one that is wrong).
// threads 0: one per core that this process may use. Throws invalid_argument for names that do not exist.
Backend open_backend(int threads = 0);
// Of BackendKind::cuda: the GPU `gpu`, or of several the one with the most free memory. Throws unsupported where there
// is none.
Backend open_backend(BackendKind kind, int threads, int gpu = -1);
// "auto" (a GPU if there is one that this build can use), "cpu", "cuda" or "cuda:N". SAKER_BACKEND takes the place of
// the first two.
Backend open_device(std::string_view device, int threads = 0);

// The backend itself, or that of the host beside a GPU: for what is small and already there.
Backend host_backend(const Backend& backend);

// The operations on GPUs; null in builds without CUDA.
const OpTable* cuda_op_table();

}  // namespace saker
