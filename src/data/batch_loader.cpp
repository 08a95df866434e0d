#include "data/batch_loader.h"

#include <algorithm>

#include "core/error.h"
#include "data/permutation.h"
#include "io/checksum.h"
#include "io/json_fields.h"

namespace saker {

namespace {

using nlohmann::json;

uint64_t checksum_of(std::string_view text) noexcept {
  return checksum(std::as_bytes(std::span(text)));
}

// Equal for mixtures that ask for the same.
uint64_t fingerprint_of(const std::vector<SourcePlan>& shares) {
  std::string text;
  for (const SourcePlan& source : shares)
    text += fmt::format("{}\n{:a} {:a}\n", source.name, source.parts[kShort].share, source.parts[kLong].share);
  return checksum_of(text);
}

const json& member(const json& object, const char* key) {
  SAKER_CHECK(object.is_object(), ErrorCode::corrupt_data, "[loader] position: expected an object with {}", key);
  const auto it = object.find(key);
  SAKER_CHECK(it != object.end(), ErrorCode::corrupt_data, "[loader] position: expected {}, found none", key);
  return *it;
}

// The integers of an array of `size` of them, each from 0 to `most`.
std::vector<int64_t> counts(const json& array, size_t size, int64_t most) {
  std::vector<int64_t> values;
  if (array.is_array())
    for (const json& value : array)
      if (value.is_number_integer() && value >= 0 && value <= most) values.push_back(value.get<int64_t>());
  SAKER_CHECK(values.size() == size && array.size() == size, ErrorCode::corrupt_data,
              "[loader] position: expected {} integers from 0 to {}, found {}", size, most,
              saker::quoted(array.dump(-1, ' ', false, json::error_handler_t::replace)));
  return values;
}

uint64_t parse_fingerprint(const std::string& text) {
  const std::optional<uint64_t> value = checksum_from_text(text);
  SAKER_CHECK(value, ErrorCode::corrupt_data, "[loader] position: expected a fingerprint, found {}",
              saker::quoted(text));
  return *value;
}

constexpr int64_t kMostTokens = int64_t{1} << 50;

void begin_batch(Batch& batch, int64_t rows, int64_t context) {
  batch.rows = rows;
  batch.context = context;
  batch.ids.resize(static_cast<size_t>(rows * context));
  batch.labels.resize(static_cast<size_t>(rows * context));
  batch.pieces.clear();
}

// Positions [from, from + size) of `end-of-text t1 ... tn` and what they predict.
void copy_tokens(const DocumentTokens& tokens, int32_t end_of_text, int64_t from, int64_t size, int32_t* ids,
                 int32_t* labels) noexcept {
  for (int64_t i = from; i < from + size; ++i) {
    *ids++ = i == 0 ? end_of_text : tokens[i - 1];
    *labels++ = i == tokens.size() ? end_of_text : tokens[i];
  }
}

}  // namespace

BatchLoader::BatchLoader(const TokenDataset& dataset, uint64_t seed, bool carried, int64_t rank, int64_t world)
    : dataset_(dataset),
      seed_(seed),
      carried_(carried),
      rank_(rank),
      world_(world),
      cursors_(dataset.manifest().sources.size()),
      delivered_(dataset.manifest().sources.size()),
      open_(carried ? 0 : static_cast<size_t>(kPackedLanes)) {
  SAKER_CHECK(rank >= 0 && rank < world, ErrorCode::invalid_argument,
              "[loader] expected a rank below the number of ranks, found {} of {}", rank, world);
}

void BatchLoader::set_stage(const Mixture& mixture, int64_t context) {
  SAKER_CHECK(context > 0, ErrorCode::invalid_argument, "[loader] expected a context of at least 1 token, found {}",
              context);
  SAKER_CHECK(long_document_tokens_ == -1 || mixture.long_document_tokens == long_document_tokens_,
              ErrorCode::invalid_argument,
              "[loader] expected long documents to have more than {} tokens in all stages, found {}",
              long_document_tokens_, mixture.long_document_tokens);
  if (sizes_.empty()) sizes_ = part_sizes(dataset_, mixture.long_document_tokens);
  long_document_tokens_ = mixture.long_document_tokens;
  shares_ = plan_shares(dataset_, sizes_, mixture);
  context_ = context;
  if (fingerprint_of(shares_) == mixture_) return;
  mixture_ = fingerprint_of(shares_);
  for (auto& parts : cursors_)
    for (Cursor& cursor : parts) cursor.drawn = 0;
}

Batch BatchLoader::next(int64_t rows) {
  Batch batch;
  next(rows, batch);
  return batch;
}

void BatchLoader::next(int64_t rows, Batch& batch) {
  SAKER_CHECK(context_ > 0, ErrorCode::invalid_argument, "[loader] expected a stage before the first batch");
  SAKER_CHECK(rows > 0 && rows % world_ == 0, ErrorCode::invalid_argument,
              "[loader] expected rows for each of {} ranks, found {}", world_, rows);
  SAKER_CHECK(!carried_ || static_cast<int64_t>(open_.size()) <= rows, ErrorCode::invalid_argument,
              "[loader] expected at least the {} rows whose documents go on, found {}", open_.size(), rows);
  if (carried_) open_.resize(static_cast<size_t>(rows));
  begin_batch(batch, rows / world_, context_);
  for (int64_t row = 0; row < rows; ++row)
    fill_row(open_of(row), row / world_, row % world_ == rank_ ? &batch : nullptr);
  rows_ += rows;
}

// What row `row` of the next step begins with.
BatchLoader::OpenDocument& BatchLoader::open_of(int64_t row) noexcept {
  return open_[static_cast<size_t>(carried_ ? row : (rows_ + row) % kPackedLanes)];
}

// `batch`: null for the rows of other ranks.
void BatchLoader::fill_row(OpenDocument& open, int64_t row, Batch* batch) {
  for (int64_t filled = 0; filled < context_;) {
    if (open.source < 0) open = draw();
    const DocumentTokens tokens = dataset_.tokens(open.source, open.document);
    const int64_t left = tokens.size() + 1 - open.offset, size = std::min(left, context_ - filled);
    if (batch) {
      const int64_t begin = row * context_ + filled;
      copy_tokens(tokens, dataset_.manifest().end_of_text, open.offset, size, batch->ids.data() + begin,
                  batch->labels.data() + begin);
      batch->pieces.push_back({begin, size, row, open.source, open.document, open.offset > 0, size < left});
    }
    delivered_[static_cast<size_t>(open.source)] += size;
    filled += size;
    open.offset += size;
    if (size == left) open = {};
  }
}

// The next document of the part that lags furthest behind its share.
BatchLoader::OpenDocument BatchLoader::draw() {
  int64_t all = 0;
  for (const auto& parts : cursors_)
    for (const Cursor& cursor : parts) all += cursor.drawn;
  int32_t source = -1;
  Part part = kShort;
  double largest = 0.0;
  for (const SourcePlan& share : shares_) {
    for (const Part candidate : {kShort, kLong}) {
      if (share.parts[candidate].share == 0.0) continue;
      const int64_t drawn = cursors_[static_cast<size_t>(share.source)][candidate].drawn;
      const double lag = share.parts[candidate].share * static_cast<double>(all) - static_cast<double>(drawn);
      if (source >= 0 && lag <= largest) continue;
      source = share.source;
      part = candidate;
      largest = lag;
    }
  }
  const int64_t document = advance(source, part);
  cursors_[static_cast<size_t>(source)][part].drawn += dataset_.length(source, document) + 1;
  return {source, document, 0};
}

// The part must have documents.
int64_t BatchLoader::advance(int32_t source, Part part) {
  Cursor& cursor = cursors_[static_cast<size_t>(source)][part];
  const int64_t documents = dataset_.documents(source);
  const uint64_t name = checksum_of(dataset_.manifest().sources[static_cast<size_t>(source)].name);
  for (;;) {
    const Permutation order(documents, seed_, name + static_cast<uint64_t>(cursor.epoch));
    while (cursor.index < documents) {
      const int64_t document = order(cursor.index++);
      if ((dataset_.length(source, document) > long_document_tokens_) == (part == kLong)) return document;
    }
    ++cursor.epoch;
    cursor.index = 0;
  }
}

std::string BatchLoader::identity(int64_t long_document_tokens) const {
  return fmt::format("data {:016x}, seed {}, {}, documents beyond {} tokens are long", dataset_.fingerprint(), seed_,
                     carried_ ? "carried" : "packed", long_document_tokens);
}

json BatchLoader::cursors_json(size_t source) const {
  json cursors = json::array();
  for (const Cursor& cursor : cursors_[source]) {
    cursors.push_back(cursor.epoch);
    cursors.push_back(cursor.index);
    cursors.push_back(cursor.drawn);
  }
  return cursors;
}

json BatchLoader::position() const {
  json sources = json::object(), open = json::array();
  for (size_t i = 0; i < cursors_.size(); ++i)
    sources[dataset_.manifest().sources[i].name] = {{"cursors", cursors_json(i)}, {"tokens", delivered_[i]}};
  for (const OpenDocument& document : open_)
    open.push_back(document.source < 0 ? json::array()
                                       : json::array({document.source, document.document, document.offset}));
  return {{"of", identity(long_document_tokens_)},
          {"long_document_tokens", long_document_tokens_},
          {"mixture", checksum_text(mixture_)},
          {"rows", rows_},
          {"sources", sources},
          {"open", open}};
}

void BatchLoader::restore(const json& position) {
  SAKER_CHECK(position.is_object(), ErrorCode::corrupt_data, "[loader] expected a position, found something else");
  const JsonFields fields(position, "loader", "position");
  const int64_t long_document_tokens = fields.integer("long_document_tokens", 0);
  const std::string saved = fields.text("of", "");
  const std::string expected = identity(long_document_tokens_ == -1 ? long_document_tokens : long_document_tokens_);
  SAKER_CHECK(saved == expected && saved == identity(long_document_tokens), ErrorCode::invalid_argument,
              "[loader] expected to go on with what the run began with ({}), found other data or settings ({})", saved,
              expected);
  BatchLoader restored(dataset_, seed_, carried_, rank_, world_);
  restored.mixture_ = parse_fingerprint(fields.text("mixture", ""));
  restored.rows_ = counts(json::array({member(position, "rows")}), 1, kMostTokens)[0];
  const json &sources = member(position, "sources"), &open = member(position, "open");
  for (size_t i = 0; i < cursors_.size(); ++i)
    restored.restore_source(i, member(sources, dataset_.manifest().sources[i].name.c_str()));
  SAKER_CHECK(open.is_array() && (carried_ || open.size() == open_.size()), ErrorCode::corrupt_data,
              "[loader] position: expected the documents of the rows, found something else");
  restored.open_.clear();
  for (const json& document : open) restored.open_.push_back(open_from_json(document));

  long_document_tokens_ = long_document_tokens;
  mixture_ = restored.mixture_;
  cursors_ = restored.cursors_;
  delivered_ = restored.delivered_;
  rows_ = restored.rows_;
  open_ = restored.open_;
}

void BatchLoader::restore_source(size_t source, const json& saved) {
  const std::vector<int64_t> cursors = counts(member(saved, "cursors"), 6, kMostTokens);
  for (const Part part : {kShort, kLong}) {
    const size_t begin = 3 * part;
    cursors_[source][part] = {cursors[begin], cursors[begin + 1], cursors[begin + 2]};
    SAKER_CHECK(cursors[begin + 1] <= dataset_.documents(static_cast<int32_t>(source)), ErrorCode::corrupt_data,
                "[loader] position: expected an index among the documents, found {}", cursors[begin + 1]);
  }
  delivered_[source] = counts(json::array({member(saved, "tokens")}), 1, kMostTokens)[0];
}

BatchLoader::OpenDocument BatchLoader::open_from_json(const json& saved) const {
  if (saved.is_array() && saved.empty()) return {};
  const std::vector<int64_t> values = counts(saved, 3, kMostTokens);
  const int64_t sources = static_cast<int64_t>(cursors_.size());
  const auto source = static_cast<int32_t>(std::min(values[0], sources));
  SAKER_CHECK(
      source < sources && values[1] < dataset_.documents(source) && values[2] <= dataset_.length(source, values[1]),
      ErrorCode::corrupt_data, "[loader] position: expected a place in a document, found {}", saved.dump());
  return {source, values[1], values[2]};
}

}  // namespace saker
