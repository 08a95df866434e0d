#include "model/parameters.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/error.h"
#include "device/on_host.h"
#include "device/stream_memory.h"
#include "ops/adamw/split_master_tensors.h"
#include "ops/cast/cast.h"

namespace saker {

namespace {

// [e, n] -> [n, e] for A_log, [e, 1, k] -> [k, e] for conv1d.weight.
bool is_transposed(TensorRole role) noexcept {
  return role == TensorRole::A_log || role == TensorRole::conv;
}

// Read in bf16 where a model computes in it: what a product reads, and the embeddings, as the same tensor may be both.
bool is_rounded(TensorRole role) noexcept {
  return role == TensorRole::linear || role == TensorRole::embedding;
}

Shape computed_shape(const TensorSpec& spec) {
  return is_transposed(spec.role) ? Shape{spec.shape[-1], spec.shape[0]} : spec.shape;
}

void check_shape(const Parameter& parameter, const Shape& expected, const Shape& found) {
  SAKER_CHECK(found == expected, ErrorCode::invalid_argument, "[parameters] {}: expected {}, found {}", parameter.name,
              expected.text(), found.text());
}

// [rows, columns] -> [columns, rows] if `transposed`, else as it is.
void relayout(TensorView to, ConstTensorView from, bool transposed, int64_t rows, int64_t columns) noexcept {
  if (!transposed) return convert_elements(to.data, to.dtype, from.data, from.dtype, from.shape.elements());
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      store_element(to.data, to.dtype, column * rows + row,
                    load_element(from.data, from.dtype, row * columns + column));
}

size_t bytes_of(const ModelConfig& config, DType dtype, bool (*counts)(TensorRole)) {
  size_t bytes = 0;
  for (const TensorSpec& spec : tensor_specs(config))
    if (counts(spec.role)) bytes += Arena::bytes_for(dtype, spec.shape);
  return bytes;
}

}  // namespace

void Parameter::to_stored(TensorView stored, ConstTensorView array, Place place) const {
  check_shape(*this, stored_shape, stored.shape);
  check_shape(*this, value.shape, array.shape);
  relayout(stored, OnHost(array, place).view(), is_transposed(role), value.shape[0], value.shape[-1]);
}

void Parameter::from_stored(TensorView array, ConstTensorView stored, Place place) const {
  check_shape(*this, value.shape, array.shape);
  check_shape(*this, stored_shape, stored.shape);
  if (place.on_host()) return relayout(array, stored, is_transposed(role), value.shape[-1], value.shape[0]);
  Tensor made(array.dtype, array.shape);
  from_stored(made.view(), stored);
  copy_bytes(array.data, place, made.view().data, kHost, made.bytes());
}

void Parameter::master_to_stored(TensorView stored, const MasterView& master, Place place) const {
  if (!master.is_split()) return to_stored(stored, master.value, place);
  const Tensor joined = master_on_host(master, place);
  to_stored(stored, joined.view());
}

void Parameter::set_master(ConstTensorView stored, Place place) const {
  if (!low) return from_stored(value, stored, place);
  Tensor master(DType::f32, value.shape), high(DType::bf16, value.shape), rest(DType::u8, low.shape);
  from_stored(master.view(), stored);
  split_tensor(high.view(), rest.view(), master.view());
  copy_bytes(rounded.data, place, high.view().data, kHost, high.bytes());
  copy_bytes(low.data, place, rest.view().data, kHost, rest.bytes());
}

size_t Parameters::value_bytes(const ModelConfig& config, DType dtype, MasterFormat masters) {
  if (masters == MasterFormat::f32) return bytes_of(config, dtype, [](TensorRole) { return true; });
  return bytes_of(config, dtype, [](TensorRole role) { return !is_rounded(role); }) +
         bytes_of(config, DType::bf16, is_rounded);
}

int64_t Parameters::largest_rounded(const ModelConfig& config) {
  int64_t largest = 0;
  for (const TensorSpec& spec : tensor_specs(config))
    if (is_rounded(spec.role)) largest = std::max(largest, spec.shape.elements());
  return largest;
}

size_t Parameters::rounded_bytes(const ModelConfig& config) {
  return bytes_of(config, DType::bf16, is_rounded);
}

Parameters::Parameters(const Weights& weights, DType dtype, bool rounded, Place place, MasterFormat masters)
    : config_(weights.config),
      place_(place),
      values_(value_bytes(weights.config, dtype, masters), place),
      gradients_(value_bytes(weights.config, dtype), place),
      rounded_(rounded ? rounded_bytes(weights.config) : 0, place) {
  for_each_tensor(weights, [&](const TensorSpec& spec, const ConstTensorView& stored) {
    const Shape shape = computed_shape(spec);
    const bool splits = masters == MasterFormat::split && is_rounded(spec.role);
    Parameter parameter{.name = spec.name,
                        .role = spec.role,
                        .stored_shape = spec.shape,
                        .value = splits ? TensorView(nullptr, dtype, shape) : values_.take(dtype, shape),
                        .gradient = {},
                        .rounded = {},
                        .low = {}};
    if (rounded && is_rounded(spec.role)) parameter.rounded = rounded_.take(DType::bf16, shape);
    if (splits) parameter.low = values_.take(DType::u8, {2 * shape.elements()});
    parameter.set_master(stored, place);
    parameters_.push_back(std::move(parameter));
  });
  const auto take = [&](bool set_first) {
    for (Parameter& parameter : parameters_)
      if (is_set_first(parameter) == set_first) parameter.gradient = gradients_.take(dtype, parameter.value.shape);
  };
  take(false);
  added_bytes_ = gradients_.bytes() - gradients_.free_bytes();
  take(true);
}

const Parameter* Parameters::find(std::string_view name) const noexcept {
  const auto found = std::ranges::find(parameters_, name, &Parameter::name);
  return found == parameters_.end() ? nullptr : &*found;
}

// The embeddings' gradient is one of rows, and of the head's matrix before if they are one tensor.
bool Parameters::is_set_first(const Parameter& parameter) const noexcept {
  return parameter.role == TensorRole::linear || (parameter.role == TensorRole::embedding && config_.tied_embeddings);
}

void Parameters::zero_where_passes_add(Stream& stream) {
  zero(stream, {gradients_.everything().data, DType::u8, {static_cast<int64_t>(added_bytes_)}});
}

ConstTensorView Parameters::gradients() {
  const DType dtype = parameters_.front().gradient.dtype;
  const TensorView bytes = gradients_.everything();
  return {bytes.data, dtype, {bytes.shape.elements() / (dtype == DType::f64 ? 8 : 4)}};
}

void Parameters::round(Stream& stream) {
  for (const Parameter& parameter : parameters_)
    if (parameter.rounded && !parameter.low) cast(stream, parameter.rounded, parameter.value);
}

Weights Parameters::to_weights() const {
  std::vector<MasterView> masters;
  for (const Parameter& parameter : parameters_) masters.push_back(parameter.master());
  return to_weights(masters, place_);
}

Weights Parameters::to_weights(std::span<const MasterView> masters, Place place) const {
  const DType dtype = parameters_.front().value.dtype;
  Weights weights;
  weights.config = config_;
  weights.config.stored_dtype = dtype;
  weights.layers.resize(static_cast<size_t>(config_.n_layer));
  size_t i = 0;
  for_each_tensor(weights, [&](const TensorSpec& spec, ConstTensorView& view) {
    auto tensor = std::make_shared<Tensor>(dtype, spec.shape);
    parameters_[i].master_to_stored(tensor->view(), masters[i], place);
    ++i;
    view = tensor->view();
    weights.storage.push_back(std::move(tensor));
  });
  if (config_.tied_embeddings) weights.lm_head = weights.embeddings;
  return weights;
}

}  // namespace saker
