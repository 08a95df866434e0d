// What a stage of training reads: sources with weights in tokens, and how far they suffice.
//
// Every source has two parts: documents of more than `long_document_tokens` tokens, and the others. Each part has its
// own order and its own epochs, so that their shares of the tokens can be held as the context grows.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "data/token_dataset.h"

namespace saker {

struct MixtureShare {
  std::string source;
  double weight = 1.0;       // share of the stage's tokens, relative to the others
  double max_epochs = 0.0;   // passes over a part that all stages together may take; 0: no limit
  double long_share = -1.0;  // of the source's tokens, those from long documents; -1: as they come
};

struct Mixture {
  std::vector<MixtureShare> shares;
  int64_t long_document_tokens = 2048;  // the same in all stages of a run
};

// The documents of a part of a source. Tokens count what a batch holds of them: each comes with its end-of-text token.
struct PartSize {
  int64_t documents = 0, tokens = 0;
};
enum Part : size_t { kShort = 0, kLong = 1 };
using PartSizes = std::array<PartSize, 2>;  // by Part

// Walks over the lengths of all documents.
std::vector<PartSizes> part_sizes(const TokenDataset& dataset, int64_t long_document_tokens);

// What a stage takes of a source.
struct PartPlan {
  double share = 0.0;           // of the stage's tokens; all shares together are 1
  int64_t tokens = 0;           // in this stage; the batches differ from it by less than a document
  int64_t epoch_tokens = 0;     // of one pass
  double epochs = 0.0;          // in this stage
  double epochs_by_then = 0.0;  // with the stages before
};
struct SourcePlan {
  std::string name;
  int32_t source = 0;  // index in the dataset
  double max_epochs = 0.0;
  std::array<PartPlan, 2> parts;  // by Part
};

// The shares of a mixture, for a stage of any length. Throws not_found for a source that is not in the dataset,
// invalid_argument for one named twice, weights that are negative, not finite or all 0, an empty source, a long_share
// beyond 1 and one that asks for documents of a kind that the source lacks.
std::vector<SourcePlan> plan_shares(const TokenDataset& dataset, const std::vector<PartSizes>& sizes,
                                    const Mixture& mixture);

struct StagePlan {
  int64_t tokens = 0;
  std::vector<SourcePlan> sources;  // in the order of the mixture; tokens add up to those of the stage
};

// The stages of a run, in order. Throws as plan_shares does, and invalid_argument if a source would be passed over more
// often than its cap allows, with the tokens that are missing.
class MixturePlanner {
 public:
  explicit MixturePlanner(const TokenDataset& dataset) : dataset_(dataset) {}
  StagePlan plan(const Mixture& mixture, int64_t tokens);

 private:
  const TokenDataset& dataset_;
  int64_t long_document_tokens_ = -1;
  std::vector<PartSizes> sizes_;
  std::vector<std::array<int64_t, 2>> taken_;  // [sources] tokens of the stages before
};

}  // namespace saker
