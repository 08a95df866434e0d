// The texts of a recipe's [evaluation], as token ids.
#pragma once

#include <vector>

#include "train/shard_feed.h"
#include "train/validation.h"

namespace saker::apps {

// Of evaluation.files, then of evaluation.sources; of each, whole documents, as many as fit evaluation.max_tokens and
// one at least. `training` are the shards that the run trains on, with the tokenizer of everything.
// Throws what DocumentReader and TokenDataset do; not_found for a source that is not there; invalid_argument for a file
// without text, for shards of another tokenizer, and for two sets of one name.
std::vector<ValidationSet> read_validation(const Recipe& recipe, const TokenDataset& training);

}  // namespace saker::apps
