// Golden arrays as doubles, and how far results are from them.
#pragma once

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "device/buffer.h"
#include "io/safetensors.h"

namespace saker::conformance {

struct Array {
  Shape shape;
  std::vector<double> values;

  // The part [i] of the outermost dimension.
  Array operator[](int64_t i) const {
    Array part;
    const auto step = static_cast<size_t>(shape[0] ? shape.elements() / shape[0] : 0);
    part.shape = shape.rank() == 4   ? Shape{shape[1], shape[2], shape[3]}
                 : shape.rank() == 3 ? Shape{shape[1], shape[2]}
                                     : Shape{shape[1]};
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(static_cast<size_t>(i) * step);
    part.values.assign(begin, begin + static_cast<std::ptrdiff_t>(step));
    return part;
  }
};

// Of a tensor that lies at `place`, behind all work that was put on its GPU.
inline Array to_array(const ConstTensorView& given, Place place = kHost) {
  Array out{given.shape, {}};
  const Tensor fetched = place.on_host() ? Tensor() : fetch(given, place);
  const ConstTensorView view = place.on_host() ? given : fetched.view();
  for (int64_t row = 0; row < view.rows(); ++row)
    for (int64_t i = 0; i < view.columns(); ++i)
      out.values.push_back(load_element(view.data, view.dtype, view.offset(row, i)));
  return out;
}

inline Array read(const SafetensorsFile& file, std::string_view name) {
  const StoredArray array = file.array(name);
  return to_array({array.data, array.dtype, array.shape});
}

inline std::vector<int32_t> read_ids(const SafetensorsFile& file, std::string_view name) {
  std::vector<int32_t> ids;
  for (double value : read(file, name).values) ids.push_back(static_cast<int32_t>(value));
  return ids;
}

// The largest error over the largest expected value: what "to 1e-5 relative" means for an array.
inline double relative_error(const std::vector<double>& got, const std::vector<double>& expected) {
  if (got.size() != expected.size()) return INFINITY;
  double error = 0.0, scale = 0.0;
  for (size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i])) return INFINITY;
    error = std::max(error, std::abs(got[i] - expected[i]));
    scale = std::max(scale, std::abs(expected[i]));
  }
  return scale > 0.0 ? error / scale : error;
}

}  // namespace saker::conformance
