// Argument checks shared by the front functions of the operations.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "core/error.h"
#include "device/backend.h"
#include "device/tensor.h"
#include "ops/segment.h"

namespace saker {

class OpCheck {
 public:
  OpCheck(std::string_view op, const Backend& backend) : op_(op), backend_(backend) {}

  // The view has data and exactly these extents.
  void shape(std::string_view argument, const ConstTensorView& view, std::initializer_list<int64_t> extents) const {
    const Shape expected(extents);
    SAKER_CHECK(view.shape == expected && (view.data || expected.elements() == 0), ErrorCode::invalid_argument,
                "[{}] {}: expected {}, found {}{}", op_, argument, expected.text(), view.shape.text(),
                view.data ? "" : " without data");
  }
  void contiguous(std::string_view argument, const ConstTensorView& view) const {
    SAKER_CHECK(view.contiguous(), ErrorCode::invalid_argument, "[{}] {}: rows must be contiguous; stride {} of {}",
                op_, argument, view.row_stride, view.columns());
  }
  // f32, and f64 on the reference backend.
  void activation(std::string_view argument, const ConstTensorView& view) const {
    type(argument, view, view.dtype == DType::f32, "f32");
  }
  // What products and kernels that are limited by bytes hand on to each other, gradients too: as activation, or rounded
  // to `sixteen`, the type of the products' inputs. The CPU backend has f32 alone.
  void handed_on(std::string_view argument, const ConstTensorView& view, DType sixteen) const {
    const bool on_cpu = backend_.kind == BackendKind::cpu;
    type(argument, view, view.dtype == DType::f32 || (view.dtype == sixteen && !on_cpu),
         on_cpu ? "f32" : "f32 or the 16-bit type of the products' inputs");
  }
  // What the CPU backend does not make.
  void not_on_cpu(std::string_view argument) const {
    SAKER_CHECK(backend_.kind != BackendKind::cpu, ErrorCode::unsupported, "[{}] {}: not on the cpu backend", op_,
                argument);
  }
  // f32, bf16 or f16, and f64 on the reference backend.
  void rounded(std::string_view argument, const ConstTensorView& view) const {
    type(argument, view, view.dtype == DType::f32 || view.dtype == DType::bf16 || view.dtype == DType::f16,
         "f32, bf16 or f16");
  }
  // The type of a matrix product with gradients: f32 or bf16, and f64 on the reference backend.
  void trained(std::string_view argument, const ConstTensorView& view) const {
    type(argument, view, view.dtype == DType::f32 || view.dtype == DType::bf16, "f32 or bf16");
  }
  // The view has data and so many elements, in whatever shape.
  void elements(std::string_view argument, const ConstTensorView& view, int64_t expected) const {
    SAKER_CHECK(view.shape.elements() == expected && (view.data || expected == 0), ErrorCode::invalid_argument,
                "[{}] {}: expected {} elements, found {}{}", op_, argument, expected, view.shape.text(),
                view.data ? "" : " without data");
  }
  // Rows of a table of `count`, or `also`.
  void ids(std::string_view argument, std::span<const int32_t> ids, int64_t count,
           std::optional<int32_t> also = {}) const {
    for (size_t t = 0; t < ids.size(); ++t)
      SAKER_CHECK((ids[t] >= 0 && ids[t] < count) || ids[t] == also, ErrorCode::invalid_argument,
                  "[{}] {}: row {} has id {}; the vocabulary is 0 to {}", op_, argument, t, ids[t], count - 1);
  }
  void same_type(std::string_view argument, const ConstTensorView& view, DType expected) const {
    SAKER_CHECK(view.dtype == expected, ErrorCode::unsupported, "[{}] {}: expected {}, found {}", op_, argument,
                name(expected), name(view.dtype));
  }
  template <class Value>
  void that(bool holds, std::string_view expectation, const Value& found) const {
    SAKER_CHECK(holds, ErrorCode::invalid_argument, "[{}] expected {}, found {}", op_, expectation, found);
  }
  // Segments lie within [0, rows), ascend without overlap, and use each of `slots` slots at most once.
  void segments(Segments segments, int64_t rows, int64_t slots) const;

 private:
  void type(std::string_view argument, const ConstTensorView& view, bool holds, std::string_view expected) const {
    SAKER_CHECK(holds || (view.dtype == DType::f64 && backend_.kind == BackendKind::reference), ErrorCode::unsupported,
                "[{}] {}: expected {} on the {} backend, found {}", op_, argument, expected, name(backend_.kind),
                name(view.dtype));
  }

  std::string_view op_;
  const Backend& backend_;
};

}  // namespace saker
