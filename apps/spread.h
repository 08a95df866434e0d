// Repeated measurements of one thing.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace saker::apps {

struct Spread {
  double median = 0.0, min = 0.0, max = 0.0;

  // `values` is not empty.
  explicit Spread(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const size_t half = values.size() / 2;
    median = values.size() % 2 ? values[half] : (values[half - 1] + values[half]) / 2.0;
    min = values.front();
    max = values.back();
  }

  nlohmann::ordered_json json() const { return {{"median", median}, {"min", min}, {"max", max}}; }
};

}  // namespace saker::apps
