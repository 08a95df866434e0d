#include "model/flops.h"

namespace saker {

namespace {

// Of a layer: in_proj, x_proj, dt_proj, out_proj.
double matrix_parameters(const ModelConfig& c) {
  const double d = static_cast<double>(c.d_model), e = static_cast<double>(c.d_inner),
               n = static_cast<double>(c.d_state), r = static_cast<double>(c.dt_rank);
  return 2.0 * e * d + (r + 2.0 * n) * e + e * r + d * e;
}

}  // namespace

double training_flops_per_token(const ModelConfig& c) {
  const double head = static_cast<double>(c.vocab_size) * static_cast<double>(c.d_model);
  return 6.0 * (static_cast<double>(c.n_layer) * matrix_parameters(c) + head);
}

double exact_training_flops_per_token(const ModelConfig& c) {
  const double d = static_cast<double>(c.d_model), e = static_cast<double>(c.d_inner),
               n = static_cast<double>(c.d_state), k = static_cast<double>(c.d_conv);
  const double norms = c.variant == Variant::falcon_mamba ? d + static_cast<double>(c.dt_rank) + 2.0 * n : d;
  const double norm = 4.0 + 10.0;                                       // per element, forward and backward
  const double convolution = (2.0 * k + 4.0) + (6.0 * k + 10.0) + 2.0;  // per channel
  const double scan = (5.0 + 1.0) + (20.0 + 2.0);                       // per channel and state
  const double layer = norm * norms + convolution * e + scan * e * n;
  return training_flops_per_token(c) + static_cast<double>(c.n_layer) * layer + norm * d;
}

}  // namespace saker
