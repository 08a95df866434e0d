// What a conformance run found: a line per case and group of vectors, and the count.
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace saker::conformance {

class Report {
 public:
  // "untied prompt.logits bf16: worst 3.1e-03, bound 1.2e-02"; NaN fails.
  void check(std::string_view group, double worst, double bound) {
    line(worst <= bound, fmt::format("{}: worst {:.1e}, bound {:.1e}", group, worst, bound));
  }
  // "untied greedy.ids f32: 48 of 48"
  void count(std::string_view group, size_t good, size_t all, std::string_view remark = "") {
    line(good == all, fmt::format("{}: {} of {}{}", group, good, all, remark));
  }
  void failed(std::string_view group, std::string_view why) { line(false, fmt::format("{}: {}", group, why)); }

  int passed() const noexcept { return passed_; }
  int failed() const noexcept { return failed_; }

 private:
  void line(bool good, std::string_view text) {
    fmt::print("{}{}\n", good ? "" : "FAILED ", text);
    ++(good ? passed_ : failed_);
  }

  int passed_ = 0, failed_ = 0;
};

}  // namespace saker::conformance
