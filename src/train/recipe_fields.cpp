#include "train/recipe_fields.h"

#include <charconv>
#include <cmath>

#include "core/nearest_word.h"
#include "io/json.h"
#include "io/json_fields.h"

namespace saker {

namespace {

using nlohmann::json;

constexpr int64_t kMaxCount = int64_t{1} << 60;

std::optional<double> multiple_of(char suffix) {
  switch (suffix) {
    case 'K': return 1e3;
    case 'M': return 1e6;
    case 'G': return 1e9;
    case 'T': return 1e12;
    default: return std::nullopt;
  }
}

// "1.5M" -> 1500000
std::optional<int64_t> parse_count(const std::string& text) {
  const std::optional<double> multiple = text.empty() ? std::nullopt : multiple_of(text.back());
  const char* const last = text.data() + text.size() - (multiple ? 1 : 0);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), last, number);
  const double value = number * multiple.value_or(1.0);
  if (error != std::errc() || end != last || !(value >= 0 && value <= static_cast<double>(kMaxCount)))
    return std::nullopt;
  return std::llround(value);
}

}  // namespace

RecipeFields::RecipeFields(const RecipeTree& tree, std::string path, const json* object)
    : tree_(tree), path_(std::move(path)), object_(object) {
  SAKER_CHECK(!object_ || object_->is_object(), ErrorCode::corrupt_data,
              "[recipe] {}: expected {} to be a table, found {}", tree.where(path_), path_, json_kind(*object_));
}

std::string RecipeFields::below(std::string_view key) const {
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

std::string RecipeFields::where(const char* key) const {
  return tree_.where(object_ && object_->contains(key) ? below(key) : path_);
}

const json* RecipeFields::find(const char* key) const {
  known_.insert(key);
  if (!object_) return nullptr;
  const auto found = object_->find(key);
  return found == object_->end() ? nullptr : &*found;
}

bool RecipeFields::has(const char* key) const {
  return find(key) != nullptr;
}

int64_t RecipeFields::integer(const char* key, int64_t standard, int64_t min, int64_t max) const {
  if (!has(key)) return standard;
  const std::string from = where(key);
  const int64_t value = JsonFields(*object_, "recipe", from).integer(key, standard);
  if (value < min || value > max) refuse(key, "expected {} from {} to {}, found {}", key, min, max, value);
  return value;
}

double RecipeFields::number(const char* key, double standard, double min, double max) const {
  if (!has(key)) return standard;
  const std::string from = where(key);
  return JsonFields(*object_, "recipe", from).number(key, standard, min, max);
}

bool RecipeFields::boolean(const char* key, bool standard) const {
  if (!has(key)) return standard;
  const std::string from = where(key);
  return JsonFields(*object_, "recipe", from).boolean(key, standard);
}

std::string RecipeFields::text(const char* key, std::string_view standard) const {
  if (!has(key)) return std::string(standard);
  const std::string from = where(key);
  return JsonFields(*object_, "recipe", from).text(key, standard);
}

std::string RecipeFields::choice(const char* key, const std::vector<std::string>& choices) const {
  std::string value = text(key, choices.front());
  if (std::find(choices.begin(), choices.end(), value) == choices.end())
    refuse(key, "expected {} to be one of {}, found {}{}", key, fmt::join(choices, ", "), saker::quoted(value),
           suggestion(choices, value));
  return value;
}

int64_t RecipeFields::count(const char* key, int64_t standard, int64_t min) const {
  const json* value = find(key);
  if (!value) return standard;
  if (!value->is_string()) return integer(key, standard, min, kMaxCount);
  const std::optional<int64_t> parsed = parse_count(value->get_ref<const std::string&>());
  if (!parsed || *parsed < min)
    refuse(key, "expected {} to be a count of at least {}, such as 250000 or \"1.5M\", found {}", key, min,
           saker::quoted(value->dump()));
  return *parsed;
}

std::vector<std::string> RecipeFields::texts(const char* key) const {
  const json* value = find(key);
  std::vector<std::string> out;
  if (!value) return out;
  if (!value->is_array()) refuse(key, "expected {} to be a list of texts, found {}", key, json_kind(*value));
  for (const json& element : *value) {
    if (!element.is_string()) refuse(key, "expected {} to hold texts, found {}", key, json_kind(element));
    out.push_back(element.get<std::string>());
  }
  return out;
}

RecipeFields RecipeFields::table(const char* key) const {
  return RecipeFields(tree_, below(key), find(key));
}

std::vector<RecipeFields> RecipeFields::tables(const char* key) const {
  const json* value = find(key);
  std::vector<RecipeFields> out;
  if (!value) return out;
  if (!value->is_array())
    refuse(key, "expected {} to be a list of tables ([[{}]]), found {}", key, key, json_kind(*value));
  for (size_t i = 0; i < value->size(); ++i)
    out.push_back(RecipeFields(tree_, fmt::format("{}.{}", below(key), i), &(*value)[i]));
  return out;
}

std::vector<std::string> RecipeFields::keys() const {
  std::vector<std::string> out;
  if (object_)
    for (const auto& [key, value] : object_->items()) out.push_back(key);
  return out;
}

void RecipeFields::refuse_others(const std::vector<std::string>& also_known) const {
  std::vector<std::string> known(known_.begin(), known_.end());
  known.insert(known.end(), also_known.begin(), also_known.end());
  for (const std::string& key : keys())
    if (std::find(known.begin(), known.end(), key) == known.end())
      refuse(key.c_str(), "unknown key {}{}{}", path_.empty() ? "" : path_ + ".", saker::quoted(key),
             suggestion(known, key));
}

}  // namespace saker
