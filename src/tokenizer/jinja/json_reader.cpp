#include "tokenizer/jinja/json_reader.h"

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace saker::jinja {

namespace {

using nlohmann::json;

constexpr size_t kMaxDepth = 64;

class Builder final : public nlohmann::json_sax<json> {
 public:
  explicit Builder(std::string_view from) : from_(from) {}

  Value take() { return std::move(root_); }
  size_t error_position() const noexcept { return error_position_; }

  bool null() override { return add(None{}); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override {
    if (value > uint64_t{INT64_MAX}) too_large(std::to_string(value));
    return add(static_cast<int64_t>(value));
  }
  bool number_float(double value, const std::string& digits) override {
    if (digits.find_first_of(".eE") == std::string::npos) too_large(digits);
    return add(value);
  }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(json::binary_t&) override { return false; }  // not in text
  bool start_object(size_t) override { return open(true); }
  bool start_array(size_t) override { return open(false); }
  bool key(std::string& name) override {
    Dict& dict = open_.back().dict;
    SAKER_CHECK(!dict.find(Value(name)), ErrorCode::corrupt_data, "[chat template] {}: the key {} appears twice", from_,
                saker::quoted(name));
    open_.back().key = std::move(name);
    return true;
  }
  bool end_object() override {
    auto dict = std::make_shared<const Dict>(std::move(open_.back().dict));
    open_.pop_back();
    return add(std::shared_ptr<const Dict>(std::move(dict)));
  }
  bool end_array() override {
    auto list = std::make_shared<const List>(std::move(open_.back().items), ListKind::list);
    open_.pop_back();
    return add(std::shared_ptr<const List>(std::move(list)));
  }
  bool parse_error(size_t position, const std::string&, const json::exception&) override {
    error_position_ = position;
    return false;
  }

 private:
  struct Container {
    bool is_dict;
    std::vector<Value> items{};
    Dict dict{};
    std::string key{};
  };

  [[noreturn]] void too_large(std::string_view digits) const {
    fail(ErrorCode::corrupt_data, "[chat template] {}: expected integers of 64 bits, found {}", from_,
         saker::quoted(digits));
  }

  bool open(bool is_dict) {
    SAKER_CHECK(open_.size() < kMaxDepth, ErrorCode::corrupt_data,
                "[chat template] {}: expected at most {} levels of nesting, found more", from_, kMaxDepth);
    open_.push_back({is_dict});
    return true;
  }

  bool add(Value value) {
    if (open_.empty())
      root_ = std::move(value);
    else if (open_.back().is_dict)
      open_.back().dict.insert(std::move(open_.back().key), std::move(value));
    else
      open_.back().items.push_back(std::move(value));
    return true;
  }

  std::string_view from_;
  std::vector<Container> open_;
  Value root_;
  size_t error_position_ = 0;
};

}  // namespace

Value read_json(std::string_view text, std::string_view from) {
  Builder builder(from);
  SAKER_CHECK(json::sax_parse(text.begin(), text.end(), &builder), ErrorCode::corrupt_data,
              "[chat template] {}: expected JSON in UTF-8, found something else at byte {}", from,
              builder.error_position());
  return builder.take();
}

}  // namespace saker::jinja
