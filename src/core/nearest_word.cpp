#include "core/nearest_word.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace saker {

namespace {

// Insertions, deletions and substitutions between two words.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t substituted = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_word(const std::vector<std::string>& known, std::string_view typed) {
  std::string best;
  size_t best_distance = typed.size() / 3 + 1;
  for (const std::string& word : known)
    if (const size_t distance = edit_distance(word, typed); distance <= best_distance) {
      best = word;
      best_distance = distance - (distance > 0);
    }
  return best;
}

std::string suggestion(const std::vector<std::string>& known, std::string_view typed) {
  const std::string word = nearest_word(known, typed);
  return word.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", word);
}

}  // namespace saker
