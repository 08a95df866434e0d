// Perplexity of documents: each is scored whole, after one end-of-text token and from an empty state, and every token
// of it is predicted. No window, no stride: the state carries all that came before.
//
// Documents are packed: a forward pass takes as many as fit into the workspace, and a document that does not fit goes
// on in the next, so memory does not depend on their lengths.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/falcon_mamba.h"

namespace saker {

class DocumentScorer {
 public:
  // Both must outlive the scorer. Throws invalid_argument if `end_of_text` is no id of the model.
  DocumentScorer(const FalconMamba& model, Workspace& workspace, int32_t end_of_text);

  // Queues a document; the forward pass runs when the workspace is full. Throws invalid_argument for ids outside the
  // vocabulary.
  void add(std::span<const int32_t> ids);

  // Scores what is queued and returns the nats (-ln p of the ids) of every document added since the last call.
  std::vector<double> finish();

 private:
  void run(bool goes_on);

  const FalconMamba& model_;
  Workspace& workspace_;
  int32_t end_of_text_;
  StatePool states_;                      // two slots, for documents that a pass cuts
  int64_t carried_ = 0;                   // slot of the one cut last
  Tensor logits_, normalisers_, picked_;  // where the model computes

  std::vector<int32_t> inputs_, targets_;  // [rows] of the next pass
  std::vector<size_t> document_of_row_;    // [rows]
  std::vector<Segment> segments_;
  std::vector<double> nats_;  // [documents since finish()]
};

}  // namespace saker
