#include "io/json.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"

namespace saker {

namespace {

using nlohmann::json;

constexpr size_t kMaxDepth = 64;

// Builds a document from the parser's events, and refuses depth and repeated keys before anything is built from them.
// (The library's own filter, a callback, searches an object again for each of its members: a header of a hundred
// thousand tensors took hours.)
class Builder final : public nlohmann::json_sax<json> {
 public:
  Builder(std::string_view component, std::string_view from) : component_(component), from_(from) {}

  json take() { return std::move(root_); }
  // Of the first error: the byte behind it, and whether it is a number that no double holds.
  size_t error_position() const noexcept { return error_position_; }
  bool number_too_large() const noexcept { return number_too_large_; }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(json::binary_t&) override { return false; }  // not in text
  bool start_object(size_t) override { return open(json::object()); }
  bool start_array(size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    const auto [member, added] = open_.back()->get_ref<json::object_t&>().try_emplace(name);
    SAKER_CHECK(added, ErrorCode::corrupt_data, "[{}] {}: the key {} appears twice", component_, from_,
                saker::quoted(name));
    value_ = &member->second;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const json::exception& error) override {
    error_position_ = position;
    number_too_large_ = dynamic_cast<const json::out_of_range*>(&error) != nullptr;
    return false;
  }

 private:
  // Where the next value goes: the root, the end of an array, or the member whose key was read last.
  json& place() {
    if (open_.empty()) return root_;
    return open_.back()->is_array() ? open_.back()->emplace_back() : *value_;
  }

  bool add(json value) {
    place() = std::move(value);
    return true;
  }

  bool open(json container) {
    SAKER_CHECK(open_.size() < kMaxDepth, ErrorCode::corrupt_data,
                "[{}] {}: expected at most {} levels of nesting, found more", component_, from_, kMaxDepth);
    json& placed = place();
    placed = std::move(container);
    open_.push_back(&placed);
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view component_, from_;
  json root_;
  std::vector<json*> open_;  // containers, the innermost last
  json* value_ = nullptr;
  size_t error_position_ = 0;
  bool number_too_large_ = false;
};

}  // namespace

json parse_json(std::string_view text, std::string_view component, std::string_view from) {
  Builder builder(component, from);
  if (json::sax_parse(text.begin(), text.end(), &builder)) return builder.take();
  SAKER_CHECK(!builder.number_too_large(), ErrorCode::corrupt_data,
              "[{}] {}: expected numbers within the range of a double, found a larger one", component, from);
  SAKER_CHECK(builder.error_position() <= text.size(), ErrorCode::corrupt_data,
              "[{}] {}: expected JSON, found that it ends early, after {} bytes", component, from, text.size());
  fail(ErrorCode::corrupt_data, "[{}] {}: expected JSON in UTF-8, found something else at byte {}", component, from,
       builder.error_position());
}

std::string_view json_kind(const json& value) noexcept {
  switch (value.type()) {
    case json::value_t::null: return "null";
    case json::value_t::object: return "an object";
    case json::value_t::array: return "an array";
    case json::value_t::string: return "a string";
    case json::value_t::boolean: return "a boolean";
    case json::value_t::number_integer:
    case json::value_t::number_unsigned: return "an integer";
    case json::value_t::number_float: return "a fraction";
    default: return "something else";
  }
}

}  // namespace saker
