#include "apps/validation_sets.h"

#include <optional>
#include <set>
#include <utility>

#include "core/error.h"
#include "data/documents.h"
#include "tokenizer/tokenizer.h"

namespace saker::apps {

namespace {

namespace fs = std::filesystem;

// Takes documents until the limit.
class LimitedSet {
 public:
  LimitedSet(std::string name, int64_t max_tokens) : set_{std::move(name), {}}, max_tokens_(max_tokens) {}

  // False: it is full.
  bool add(std::vector<int32_t> ids) {
    tokens_ += static_cast<int64_t>(ids.size());
    if (max_tokens_ > 0 && tokens_ > max_tokens_ && !set_.documents.empty()) return false;
    if (!ids.empty()) set_.documents.push_back(std::move(ids));
    return true;
  }
  ValidationSet take() { return std::move(set_); }

 private:
  ValidationSet set_;
  int64_t max_tokens_, tokens_ = 0;
};

ValidationSet read_texts(const fs::path& file, const Tokenizer& tokenizer, int64_t max_tokens) {
  LimitedSet set(source_name(file), max_tokens);
  for_each_document(file, [&](std::string_view text) {
    std::vector<int32_t> ids;
    tokenizer.encode_to(text, /*add_special_tokens=*/false, ids);
    return set.add(std::move(ids));
  });
  ValidationSet read = set.take();
  SAKER_CHECK(!read.documents.empty(), ErrorCode::invalid_argument, "[train] {}: expected text, found none",
              saker::quoted(file.native(), 400));
  return read;
}

ValidationSet read_source(const TokenDataset& dataset, const std::string& name, int64_t max_tokens) {
  LimitedSet set(name, max_tokens);
  const int32_t source = dataset.find(name);
  bool taken = true;
  for (int64_t d = 0; taken && d < dataset.documents(source); ++d) {
    const DocumentTokens tokens = dataset.tokens(source, d);
    std::vector<int32_t> ids(static_cast<size_t>(tokens.size()));
    for (int64_t i = 0; i < tokens.size(); ++i) ids[static_cast<size_t>(i)] = tokens[i];
    taken = set.add(std::move(ids));
  }
  return set.take();
}

void read_sources(const Recipe& recipe, const TokenDataset& dataset, std::vector<ValidationSet>& sets) {
  std::vector<std::string> names = recipe.evaluation.sources;
  if (names.empty())
    for (const SourceEntry& source : dataset.manifest().sources) names.push_back(source.name);
  for (const std::string& name : names) sets.push_back(read_source(dataset, name, recipe.evaluation.max_tokens));
}

// Two sets of one name could not be told apart in logs.
void check_names(const std::vector<ValidationSet>& sets) {
  std::set<std::string> names;
  for (const ValidationSet& set : sets)
    SAKER_CHECK(names.insert(set.name).second, ErrorCode::invalid_argument,
                "[train] evaluation: expected names of files and sources to differ, found {} twice",
                saker::quoted(set.name));
}

}  // namespace

std::vector<ValidationSet> read_validation(const Recipe& recipe, const TokenDataset& training) {
  const EvaluationRecipe& evaluation = recipe.evaluation;
  std::vector<ValidationSet> sets;
  if (!evaluation.files.empty()) {
    const Tokenizer tokenizer = Tokenizer::from_json(training.tokenizer_json());
    for (const fs::path& file : evaluation.files) sets.push_back(read_texts(file, tokenizer, evaluation.max_tokens));
  }
  if (!evaluation.shards.empty()) {
    const TokenDataset dataset(evaluation.shards);
    dataset.expect_tokenizer(training.tokenizer_json(), (recipe.data.shards / "tokenizer.json").string());
    read_sources(recipe, dataset, sets);
  } else if (!evaluation.sources.empty()) {
    read_sources(recipe, training, sets);
  }
  check_names(sets);
  return sets;
}

}  // namespace saker::apps
