#include "data/mixture.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace saker {

namespace {

void check_share(const MixtureShare& share) {
  const auto is_number = [](double value) { return std::isfinite(value) && value >= 0.0; };
  const std::string name = saker::quoted(share.source);
  SAKER_CHECK(is_number(share.weight), ErrorCode::invalid_argument,
              "[mixture] {}: expected a weight of at least 0, found {}", name, share.weight);
  SAKER_CHECK(is_number(share.max_epochs), ErrorCode::invalid_argument,
              "[mixture] {}: expected max_epochs of at least 0, found {}", name, share.max_epochs);
  SAKER_CHECK(share.long_share == -1.0 || (is_number(share.long_share) && share.long_share <= 1.0),
              ErrorCode::invalid_argument, "[mixture] {}: expected long_share from 0 to 1, found {}", name,
              share.long_share);
}

// Of the source's tokens, those from long documents.
double long_share(const MixtureShare& share, const PartSizes& sizes, int64_t long_document_tokens) {
  const auto [short_part, long_part] = sizes;
  const std::string name = saker::quoted(share.source);
  SAKER_CHECK(short_part.tokens + long_part.tokens > 0, ErrorCode::invalid_argument,
              "[mixture] {}: expected documents, found an empty source", name);
  if (share.long_share < 0.0)
    return static_cast<double>(long_part.tokens) / static_cast<double>(short_part.tokens + long_part.tokens);
  SAKER_CHECK(share.long_share == 0.0 || long_part.documents > 0, ErrorCode::invalid_argument,
              "[mixture] {}: expected documents of more than {} tokens for a long_share of {}, found none", name,
              long_document_tokens, share.long_share);
  SAKER_CHECK(share.long_share == 1.0 || short_part.documents > 0, ErrorCode::invalid_argument,
              "[mixture] {}: expected documents of at most {} tokens for a long_share of {}, found none", name,
              long_document_tokens, share.long_share);
  return share.long_share;
}

// Whole tokens in proportion to the shares: each is rounded with the error of those before, so that they add up. The
// shares miss 1 by some 2^-53, far less than a token of any stage.
void divide_tokens(StagePlan& plan) {
  double share = 0.0;
  int64_t given = 0;
  for (SourcePlan& source : plan.sources) {
    for (PartPlan& part : source.parts) {
      if (part.share == 0.0) continue;
      share += part.share;
      const auto until = std::min<int64_t>(plan.tokens, std::llround(share * static_cast<double>(plan.tokens)));
      part.tokens = until - given;
      given = until;
    }
  }
}

void check_cap(const SourcePlan& source, Part which, int64_t taken) {
  const PartPlan& part = source.parts[which];
  const auto allowed = static_cast<int64_t>(source.max_epochs * static_cast<double>(part.epoch_tokens));
  constexpr int64_t kRounding = 1;  // of divide_tokens
  if (source.max_epochs == 0.0 || part.tokens == 0 || taken <= allowed + kRounding) return;
  fail(ErrorCode::invalid_argument,
       "[mixture] {}: expected at most {} epochs, found {:.3f} by the end of the stage: {} tokens{} are missing",
       saker::quoted(source.name), source.max_epochs, part.epochs_by_then, taken - allowed,
       which == kLong ? " of long documents" : "");
}

}  // namespace

std::vector<PartSizes> part_sizes(const TokenDataset& dataset, int64_t long_document_tokens) {
  std::vector<PartSizes> sizes(dataset.manifest().sources.size());
  for (size_t source = 0; source < sizes.size(); ++source) {
    const auto index = static_cast<int32_t>(source);
    for (int64_t document = 0; document < dataset.documents(index); ++document) {
      const int64_t length = dataset.length(index, document);
      PartSize& part = sizes[source][length > long_document_tokens ? kLong : kShort];
      ++part.documents;
      part.tokens += length + 1;
    }
  }
  return sizes;
}

std::vector<SourcePlan> plan_shares(const TokenDataset& dataset, const std::vector<PartSizes>& sizes,
                                    const Mixture& mixture) {
  double weights = 0.0;
  for (const MixtureShare& share : mixture.shares) {
    check_share(share);
    weights += share.weight;
  }
  SAKER_CHECK(weights > 0.0 && std::isfinite(weights), ErrorCode::invalid_argument,
              "[mixture] expected sources whose weights add up to more than 0, found {}", weights);
  std::vector<SourcePlan> plan;
  for (const MixtureShare& share : mixture.shares) {
    const int32_t source = dataset.find(share.source);
    SAKER_CHECK(std::ranges::find(plan, source, &SourcePlan::source) == plan.end(), ErrorCode::invalid_argument,
                "[mixture] expected each source once, found {} twice", saker::quoted(share.source));
    const PartSizes& parts = sizes[static_cast<size_t>(source)];
    const double of_long = long_share(share, parts, mixture.long_document_tokens), of_all = share.weight / weights;
    plan.push_back({share.source, source, share.max_epochs, {}});
    plan.back().parts[kShort] = {of_all * (1.0 - of_long), 0, parts[kShort].tokens, 0.0, 0.0};
    plan.back().parts[kLong] = {of_all * of_long, 0, parts[kLong].tokens, 0.0, 0.0};
  }
  return plan;
}

StagePlan MixturePlanner::plan(const Mixture& mixture, int64_t tokens) {
  if (mixture.long_document_tokens != long_document_tokens_) {
    long_document_tokens_ = mixture.long_document_tokens;
    sizes_ = part_sizes(dataset_, long_document_tokens_);
    taken_.resize(sizes_.size());
  }
  StagePlan plan{tokens, plan_shares(dataset_, sizes_, mixture)};
  divide_tokens(plan);
  for (SourcePlan& source : plan.sources) {
    for (const Part which : {kShort, kLong}) {
      PartPlan& part = source.parts[which];
      int64_t& taken = taken_[static_cast<size_t>(source.source)][which];
      taken += part.tokens;
      if (part.epoch_tokens == 0) continue;
      part.epochs = static_cast<double>(part.tokens) / static_cast<double>(part.epoch_tokens);
      part.epochs_by_then = static_cast<double>(taken) / static_cast<double>(part.epoch_tokens);
      check_cap(source, which, taken);
    }
  }
  return plan;
}

}  // namespace saker
