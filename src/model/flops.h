// Floating-point operations of a training step, for the share of the machine's peak that is used (MFU).
#pragma once

#include "model/config.h"

namespace saker {

// 6 FLOPs per token and parameter that is multiplied with a token: matrices and the head, not the table of embeddings.
// The convention by which utilisation is compared between models.
double training_flops_per_token(const ModelConfig& config);

// As the operations state their costs: products (as above), norms, convolutions and scans, forward and backward, each
// exponential counted as one. Nothing that is recomputed counts twice.
double exact_training_flops_per_token(const ModelConfig& config);

}  // namespace saker
