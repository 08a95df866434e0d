// The operations of a backend: one function pointer each, chosen once at start. Arguments arrive checked (<op>.cpp).
#pragma once

#include "device/backend.h"
#include "ops/adamw/adamw.h"
#include "ops/cast/cast.h"
#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/causal_conv1d/causal_conv1d_backward.h"
#include "ops/embedding/embedding.h"
#include "ops/embedding/embedding_backward.h"
#include "ops/linear/linear.h"
#include "ops/linear/linear_backward.h"
#include "ops/linear_cross_entropy/linear_cross_entropy.h"
#include "ops/log_sum_exp/log_sum_exp.h"
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

  // Gradients, the loss and the optimiser.
  void (*linear_backward)(Stream&, const LinearBackwardArgs&);
  void (*rms_norm_backward)(Stream&, const RmsNormBackwardArgs&);
  void (*causal_conv1d_backward)(Stream&, const CausalConv1dBackwardArgs&);
  void (*selective_scan_backward)(Stream&, const SelectiveScanBackwardArgs&);
  void (*embedding_backward)(Stream&, const EmbeddingBackwardArgs&);
  void (*linear_cross_entropy)(Stream&, const LinearCrossEntropyArgs&);
  void (*sum_of_squares)(Stream&, const SumOfSquaresArgs&);
  void (*adamw)(Stream&, const AdamwArgs&);
};

// What to run on. Environment: SAKER_BACKEND=reference|cpu, SAKER_CPU_ISA=baseline|avx2|avx512 (at most),
// SAKER_OP_REFERENCE=op,... (these ops from the reference, to find the one that is wrong).
// threads 0: one per core that this process may use. Throws invalid_argument for names that do not exist.
Backend open_backend(int threads = 0);
Backend open_backend(BackendKind kind, int threads);

}  // namespace saker
