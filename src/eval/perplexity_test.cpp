#include "eval/perplexity.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "model/tiny_model.h"

namespace saker {
namespace {

// Token by token.
double nats_of(const FalconMamba& model, std::vector<int32_t> ids, int32_t end_of_text) {
  Workspace workspace(model, 1);
  RecurrentState state = model.new_state();
  std::vector<float> logits(static_cast<size_t>(model.config().vocab_size));
  double nats = 0.0;
  int32_t input = end_of_text;
  for (const int32_t id : ids) {
    model.step(workspace, input, state, logits);
    double sum = 0.0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
    nats += std::log(sum) - static_cast<double>(logits[static_cast<size_t>(id)]);
    input = id;
  }
  return nats;
}

TEST(DocumentScorer, PackingChangesNothing) {
  const FalconMamba model = tiny_model();
  std::vector<std::vector<int32_t>> documents;
  for (const int64_t length : {3, 50, 0, 1, 7, 16, 16, 5, 5, 5, 5, 40, 2, 1, 33, 16})
    documents.push_back(random_ids(model.config(), length, 10 + documents.size()));
  for (const int64_t rows : {1, 7, 16, 300}) {
    Workspace workspace(model, rows);
    DocumentScorer scorer(model, workspace, 3);
    for (const auto& ids : documents) scorer.add(ids);
    const std::vector<double> nats = scorer.finish();
    ASSERT_EQ(nats.size(), documents.size());
    for (size_t i = 0; i < documents.size(); ++i)
      EXPECT_NEAR(nats[i], nats_of(model, documents[i], 3), 1e-5 * (1.0 + nats[i])) << i << " of " << rows << " rows";
    scorer.add(documents[1]);
    EXPECT_NEAR(scorer.finish().at(0), nats[1], 1e-5 * nats[1]);
  }
}

TEST(DocumentScorer, RefusesForeignIds) {
  const FalconMamba model = tiny_model();
  Workspace workspace(model, 16);
  EXPECT_THROW(DocumentScorer(model, workspace, 97), Error);
  DocumentScorer scorer(model, workspace, 0);
  EXPECT_THROW(scorer.add(std::vector<int32_t>{1, 97}), Error);
}

}  // namespace
}  // namespace saker
