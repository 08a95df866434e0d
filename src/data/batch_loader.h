// Documents of a mixture, in an order that everybody can recompute, as rows of equal length.
//
// A document is read as `end-of-text t1 ... tn` and predicts `t1 ... tn end-of-text`: every position has a label, and a
// text begins, as where it is scored, after one end-of-text token. Rows take documents one after the other; one that
// does not fit is cut at the end of the row, and its rest begins
//   packed: the row kPackedLanes later (of all ranks), whose state is empty there. Rows near each other are of
//   different
//           documents: a step whose rows are parts of one is a poor sample of the mixture;
//   carried: the row with the same index of the next step, which can be given the state that the first part left.
//
// The next source is always the one whose tokens lag furthest behind its share, so that the tokens of the documents
// begun stay near the shares: within a document of two sources, within two documents in mixtures of six. Within a
// source the documents of an epoch come in a pseudo-random order that depends on seed, source and epoch alone. Thus
// packed rows are the same however many make a step; and the position is a few numbers.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/batch.h"
#include "data/mixture.h"
#include "data/token_dataset.h"

namespace saker {

class BatchLoader {
 public:
  static constexpr int64_t kPackedLanes = 64;

  // `dataset` must outlive the loader. Of the rows of a step, rank r of w ranks gets r, r + w, ...
  BatchLoader(const TokenDataset& dataset, uint64_t seed, bool carried, int64_t rank = 0, int64_t world = 1);

  // From the next row on. Sources go on where they are, a cut document, too. The same mixture again changes nothing, so
  // that a loader that was restored may be told where it is. Throws as plan_shares does.
  void set_stage(const Mixture& mixture, int64_t context);

  // The next step: `rows` rows of all ranks together, a multiple of their number. Throws invalid_argument for fewer
  // carried rows than before: their documents would never end.
  Batch next(int64_t rows);
  void next(int64_t rows, Batch& batch);  // without allocating, once the vectors are large enough

  // Tokens of a source in all batches so far.
  int64_t delivered(int32_t source) const noexcept { return delivered_[static_cast<size_t>(source)]; }
  int64_t rows() const noexcept { return rows_; }

  // The same on every rank. A loader restored to it goes on as this one does. Throws corrupt_data, and invalid_argument
  // for the position of other data, another seed or the other way to cut documents.
  nlohmann::json position() const;
  void restore(const nlohmann::json& position);

 private:
  struct Cursor {
    int64_t epoch = 0, index = 0;  // the next document is looked for from here, in the order of the epoch
    int64_t drawn = 0;             // tokens of the documents begun in this stage
  };
  struct OpenDocument {
    int32_t source = -1;  // -1: none
    int64_t document = 0, offset = 0;
  };

  std::string identity(int64_t long_document_tokens) const;
  OpenDocument& open_of(int64_t row) noexcept;
  void fill_row(OpenDocument& open, int64_t row, Batch* batch);
  OpenDocument draw();
  int64_t advance(int32_t source, Part part);
  nlohmann::json cursors_json(size_t source) const;
  void restore_source(size_t source, const nlohmann::json& saved);
  OpenDocument open_from_json(const nlohmann::json& saved) const;

  const TokenDataset& dataset_;
  uint64_t seed_;
  bool carried_;
  int64_t rank_, world_;

  int64_t context_ = 0, long_document_tokens_ = -1;
  std::vector<PartSizes> sizes_;
  std::vector<SourcePlan> shares_;
  uint64_t mixture_ = 0;  // fingerprint

  std::vector<std::array<Cursor, 2>> cursors_;  // [sources] by Part
  std::vector<int64_t> delivered_;              // [sources]
  int64_t rows_ = 0;
  std::vector<OpenDocument> open_;  // carried: by row of a step; packed: by row modulo kPackedLanes
};

}  // namespace saker
