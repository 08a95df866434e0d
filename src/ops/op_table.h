// The operations of a backend: one function pointer each, chosen once at start. Arguments arrive checked (<op>.cpp).
#pragma once

#include "device/backend.h"
#include "ops/cast/cast.h"
#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/embedding/embedding.h"
#include "ops/linear/linear.h"
#include "ops/log_sum_exp/log_sum_exp.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/selective_scan/selective_scan.h"

namespace saker {

struct OpTable {
  void (*embedding)(Stream&, const EmbeddingArgs&);
  void (*rms_norm)(Stream&, const RmsNormArgs&);
  void (*linear)(Stream&, const LinearArgs&);
  void (*cast)(Stream&, const CastArgs&);
  void (*causal_conv1d)(Stream&, const CausalConv1dArgs&);
  void (*selective_scan)(Stream&, const SelectiveScanArgs&);
  void (*log_sum_exp)(Stream&, const LogSumExpArgs&);
};

// What to run on. Environment: SAKER_BACKEND=reference|cpu, SAKER_CPU_ISA=baseline|avx2|avx512 (at most),
// SAKER_OP_REFERENCE=op,... (these ops from the reference, to find the one that is wrong).
// threads 0: one per core that this process may use. Throws invalid_argument for names that do not exist.
Backend open_backend(int threads = 0);
Backend open_backend(BackendKind kind, int threads);

}  // namespace saker
