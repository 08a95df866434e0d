#include "apps/option_checks.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

#include "core/error.h"

namespace saker::apps {

namespace {

template <class T>
bool parse(const std::string& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::string wrong(const std::string& expected, const std::string& found) {
  return fmt::format("expected {}, found {}", expected, saker::quoted(found));
}

template <class T>
CLI::Validator whole(T least, T most) {
  const std::string to = most == std::numeric_limits<T>::max() ? "" : fmt::format(" to {}", most);
  const std::string range = fmt::format("from {}{}", least, to);
  return {[=](const std::string& text) {
            T value{};
            const bool fine = parse(text, value) && value >= least && value <= most;
            return fine ? std::string() : wrong("a whole number " + range, text);
          },
          range};
}

}  // namespace

CLI::Validator whole_number(int64_t least, int64_t most) {
  return whole(least, most);
}

CLI::Validator seed_number() {
  return whole(uint64_t{0}, uint64_t{std::numeric_limits<uint64_t>::max()});
}

CLI::Validator number() {
  return {[](const std::string& text) {
            double value = 0.0;
            return parse(text, value) ? std::string() : wrong("a number", text);
          },
          ""};
}

CLI::Validator not_empty() {
  return {[](const std::string& text) { return text.empty() ? "expected a text, found none" : ""; }, ""};
}

}  // namespace saker::apps
