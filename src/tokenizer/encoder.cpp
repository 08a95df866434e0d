#include "tokenizer/encoder.h"

#include <algorithm>

namespace saker {

// A context borrowed for one call.
class Encoder::Lease {
 public:
  explicit Lease(const Encoder& encoder) : encoder_(encoder) {
    const std::lock_guard lock(encoder_.mutex_);
    if (encoder_.idle_.empty()) {
      context_ = std::make_unique<Context>();
      return;
    }
    context_ = std::move(encoder_.idle_.back());
    encoder_.idle_.pop_back();
  }
  ~Lease() {
    const std::lock_guard lock(encoder_.mutex_);
    encoder_.idle_.push_back(std::move(context_));
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  Context& operator*() const noexcept { return *context_; }

 private:
  const Encoder& encoder_;
  std::unique_ptr<Context> context_;
};

Encoder::Encoder(EncoderParts parts, bool allow_fast) : parts_(std::move(parts)) {
  if (allow_fast) fast_ = FastSplitter::compile(parts_.pre_tokenizer.stages());
}

void Encoder::encode(std::string_view text, std::vector<int32_t>& out) const {
  const Lease lease(*this);
  Context& context = *lease;
  context.raw_pieces.clear();
  parts_.added.cut_raw(text, context.raw_pieces);
  for (const auto& [piece, id] : context.raw_pieces) {
    if (id >= 0)
      out.push_back(id);
    else
      encode_text(piece, context, out);
  }
}

// A text without raw added tokens.
void Encoder::encode_text(std::string_view text, Context& context, std::vector<int32_t>& out) const {
  const std::string_view normalized = parts_.normalizer.apply(text, context.normalized);
  context.pieces.clear();
  parts_.added.cut_normalized(normalized, context.pieces);
  for (const auto& [piece, id] : context.pieces) {
    if (id >= 0)
      out.push_back(id);
    else
      encode_piece(piece, context, out);
  }
}

// A normalised text without added tokens.
void Encoder::encode_piece(std::string_view text, Context& context, std::vector<int32_t>& out) const {
  if (!fast_) {
    for (const std::string& word : parts_.pre_tokenizer.words(text)) encode_word(word, context, out);
    return;
  }
  if (fast_->add_prefix_space() && text.front() != ' ') {
    context.prefixed.assign(1, ' ');
    context.prefixed += text;
    text = context.prefixed;
  }
  fast_->for_each_word(text, [&](std::string_view word) { encode_word(word, context, out); });
}

void Encoder::encode_word(std::string_view word, Context& context, std::vector<int32_t>& out) const {
  if (word.size() > WordCache::longest_word) return merge_word(word, context, out);
  const WordCache::Key key = WordCache::key(word);
  WordCache::Entry& entry = context.cache.at(key);
  if (entry.key == key) {
    if (entry.count == 1)
      out.push_back(entry.ids[0]);  // most words
    else
      out.insert(out.end(), entry.ids.begin(), entry.ids.begin() + entry.count);
    return;
  }
  const size_t before = out.size();
  merge_word(word, context, out);
  const size_t count = out.size() - before;
  if (count > WordCache::most_ids) return;
  entry.key = key;
  entry.count = static_cast<int32_t>(count);
  std::copy(out.begin() + static_cast<ptrdiff_t>(before), out.end(), entry.ids.begin());
}

// Words of the fast way are raw bytes; the model knows their symbols.
void Encoder::merge_word(std::string_view word, Context& context, std::vector<int32_t>& out) const {
  if (fast_) {
    context.symbols.clear();
    byte_alphabet::append_mapped(word, context.symbols);
    word = context.symbols;
  }
  parts_.bpe.encode(word, context.scratch, out);
}

}  // namespace saker
