#include "io/json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/error.h"

namespace saker {

namespace {

using nlohmann::json;

constexpr int kMaxDepth = 64;

// Watches the parser: refuses depth and repeated keys before anything is built from them.
class Guard {
 public:
  Guard(std::string_view component, std::string_view from) : component_(component), from_(from) {}

  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    using Event = json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start)
      SAKER_CHECK(depth < kMaxDepth, ErrorCode::corrupt_data,
                  "[{}] {}: expected at most {} levels of nesting, found more", component_, from_, kMaxDepth);
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key) {
      const auto& key = parsed.get_ref<const std::string&>();
      SAKER_CHECK(keys_.back().insert(key).second, ErrorCode::corrupt_data, "[{}] {}: the key {} appears twice",
                  component_, from_, saker::quoted(key));
    }
    return true;
  }

 private:
  std::string_view component_, from_;
  std::vector<std::set<std::string>> keys_;  // of the objects that are open
};

}  // namespace

json parse_json(std::string_view text, std::string_view component, std::string_view from) {
  Guard guard(component, from);
  try {
    return json::parse(text.begin(), text.end(), std::ref(guard));
  } catch (const json::parse_error& error) {
    SAKER_CHECK(error.byte <= text.size(), ErrorCode::corrupt_data,
                "[{}] {}: expected JSON, found that it ends early, after {} bytes", component, from, text.size());
    fail(ErrorCode::corrupt_data, "[{}] {}: expected JSON in UTF-8, found something else at byte {}", component, from,
         error.byte);
  } catch (const json::exception&) {
    fail(ErrorCode::corrupt_data, "[{}] {}: expected numbers within the range of a double, found a larger one",
         component, from);
  }
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
