#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/error.h"
#include "io/json.h"
#include "io/read_file.h"
#include "tokenizer/encoder.h"
#include "tokenizer/json_fields.h"
#include "tokenizer/post_processor.h"
#include "tokenizer/token_table.h"
#include "tokenizer/utf8.h"

namespace saker {

using nlohmann::json;

class Tokenizer::Impl {
 public:
  static std::unique_ptr<const Impl> from_document(const json& document);

  Impl(EncoderParts parts, PostProcessor post_processor_, const Decoder& decoder)
      : encoder(std::move(parts)),
        post_processor(std::move(post_processor_)),
        table(encoder.parts().bpe.vocabulary(), encoder.parts().added, decoder),
        separator(decoder.separator()) {}

  Encoder encoder;
  PostProcessor post_processor;
  TokenTable table;
  std::string_view separator;
};

namespace {

json value_or_null(const JsonObject& object, std::string_view field) {
  return object.has(field) ? object.at(field) : json();
}

void check_document(const JsonObject& object) {
  object.allow_only({"version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer",
                     "post_processor", "decoder", "model"});
  const std::string version = object.string_or("version", "1.0");
  SAKER_CHECK(version == "1.0", ErrorCode::unsupported, "[tokenizer] version {} is not supported; 1.0 is",
              saker::quoted(version));
  for (const std::string_view field : {"truncation", "padding"})
    SAKER_CHECK(!object.has(field), ErrorCode::unsupported,
                "[tokenizer] {} is not supported; set it to null in the file", field);
}

}  // namespace

std::unique_ptr<const Tokenizer::Impl> Tokenizer::Impl::from_document(const json& document) {
  const JsonObject object(document, "tokenizer.json");
  check_document(object);
  auto normalizer = Normalizer::from_json(value_or_null(object, "normalizer"));
  auto pre_tokenizer = PreTokenizer::from_json(value_or_null(object, "pre_tokenizer"));
  auto bpe = Bpe::from_json(object.at("model"), pre_tokenizer.yields_byte_symbols());
  auto added = AddedTokens::from_json(object.has("added_tokens") ? object.at("added_tokens") : json::array(),
                                      bpe.vocabulary(), normalizer);
  const auto decoder = Decoder::from_json(value_or_null(object, "decoder"));
  EncoderParts parts{std::move(added), std::move(normalizer), std::move(pre_tokenizer), std::move(bpe)};
  const int32_t id_end = std::max(parts.bpe.vocabulary().id_end(), parts.added.id_end());
  auto post_processor = PostProcessor::from_json(value_or_null(object, "post_processor"), id_end);
  return std::make_unique<const Impl>(std::move(parts), std::move(post_processor), decoder);
}

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::from_file(const std::filesystem::path& path) {
  return from_json(read_file(path));
}

Tokenizer Tokenizer::from_json(std::string_view text) {
  return Tokenizer(Impl::from_document(parse_json(text, "tokenizer", "tokenizer.json")));
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  std::vector<int32_t> ids;
  encode_to(text, add_special_tokens, ids);
  return ids;
}

void Tokenizer::encode_to(std::string_view text, bool add_special_tokens, std::vector<int32_t>& out) const {
  const size_t invalid = utf8::find_invalid(text);
  SAKER_CHECK(invalid == std::string_view::npos, ErrorCode::invalid_argument,
              "[tokenizer] expected valid UTF-8, found {} at byte {} of the text",
              saker::quoted(text.substr(std::min(invalid, text.size()), 4)), invalid);
  if (impl_->post_processor.is_identity(add_special_tokens)) return impl_->encoder.encode(text, out);
  std::vector<int32_t> ids;
  impl_->encoder.encode(text, ids);
  impl_->post_processor.apply(ids, add_special_tokens, out);
}

std::vector<std::vector<int32_t>> Tokenizer::encode_batch(std::span<const std::string_view> texts,
                                                          bool add_special_tokens, int threads) const {
  SAKER_CHECK(threads >= 1, ErrorCode::invalid_argument, "[tokenizer] expected at least 1 thread, found {}", threads);
  std::vector<std::vector<int32_t>> ids(texts.size());
  std::vector<std::exception_ptr> errors(texts.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i; (i = next.fetch_add(1)) < texts.size();) {
      try {
        encode_to(texts[i], add_special_tokens, ids[i]);
      } catch (...) {
        errors[i] = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> helpers;
    const size_t wanted = std::min(static_cast<size_t>(threads), texts.size());
    for (size_t i = 1; i < wanted; ++i) helpers.emplace_back(work);
    work();
  }
  for (const auto& error : errors)
    if (error) std::rethrow_exception(error);
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special_tokens) const {
  std::string bytes;
  bool first = true;
  for (const int32_t id : ids) {
    if (!impl_->table.has(id) || (skip_special_tokens && impl_->table.is_special(id))) continue;
    if (!first) bytes += impl_->separator;
    bytes += impl_->table.bytes(id);
    first = false;
  }
  std::string text;
  text.reserve(bytes.size());
  utf8::append_lossy(bytes, text);
  return text;
}

size_t Tokenizer::vocab_size() const noexcept {
  const auto& vocabulary = impl_->encoder.parts().bpe.vocabulary();
  const auto& added = impl_->encoder.parts().added.tokens();
  return vocabulary.size() + static_cast<size_t>(std::ranges::count_if(
                                 added, [&](const AddedToken& token) { return !vocabulary.id(token.content); }));
}

std::optional<int32_t> Tokenizer::token_to_id(std::string_view token) const {
  const auto& parts = impl_->encoder.parts();
  if (const AddedToken* added = parts.added.find(token)) return added->id;
  return parts.bpe.vocabulary().id(token);
}

std::optional<std::string_view> Tokenizer::id_to_token(int64_t id) const {
  return impl_->table.has(id) ? std::optional(impl_->table.token(id)) : std::nullopt;
}

bool Tokenizer::is_special(int64_t id) const noexcept {
  return impl_->table.is_special(id);
}

std::string_view Tokenizer::token_bytes(int64_t id) const noexcept {
  return impl_->table.bytes(id);
}

std::string_view Tokenizer::token_separator() const noexcept {
  return impl_->separator;
}

}  // namespace saker
