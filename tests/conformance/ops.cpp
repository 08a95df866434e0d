#include <set>
#include <string>

#include "conformance/conformance.h"
#include "conformance/vectors.h"
#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/selective_scan/selective_scan.h"

namespace saker::conformance {

namespace {

// An operation's golden vectors, computed in one type: f32, or f64 on the reference.
class OpCheck {
 public:
  OpCheck(const SafetensorsFile& vectors, const Backend& backend, DType dtype, Report& report)
      : vectors_(vectors), stream_(backend), dtype_(dtype), report_(report) {}

  void scan(const std::string& name) {
    const Array u = input(name, "u");
    const int64_t b = u.shape[0], l = u.shape[1], e = u.shape[2], n = input(name, "A_log").shape[1];
    Array A = transposed(input(name, "A_log"));
    for (double& value : A.values) value = -std::exp(value);
    Tensor y = zeros({b * l, e}), state = made(transposed(input(name, "state")), {b, n, e});
    const Tensor u_in = made(u, {b * l, e}), delta = made(input(name, "delta"), {b * l, e}),
                 z = made(input(name, "z"), {b * l, e}), B = made(input(name, "B"), {b * l, n}),
                 C = made(input(name, "C"), {b * l, n}), D = made(input(name, "D"), {e}),
                 bias = made(input(name, "delta_bias"), {e}), A_in = made(A, {n, e});
    const auto segments = rows(b, l);
    selective_scan(stream_, {.y = y.view(),
                             .state = state.view(),
                             .u = u_in.view(),
                             .delta = delta.view(),
                             .delta_bias = bias.view(),
                             .A = A_in.view(),
                             .B = B.view(),
                             .C = C.view(),
                             .D = D.view(),
                             .z = z.view(),
                             .segments = segments});
    check(name + ".y", y, output(name, "y"));
    check(name + ".state", state, transposed(output(name, "state")));
  }

  void conv(const std::string& name) {
    const Array x = input(name, "x");
    const int64_t b = x.shape[0], l = x.shape[1], e = x.shape[2], k = input(name, "weight").shape[1];
    Tensor u = zeros({b * l, e}), state = made(transposed(input(name, "state")), {b, k - 1, e});
    const Tensor x_in = made(x, {b * l, e}), weight = made(transposed(input(name, "weight")), {k, e}),
                 bias = made(input(name, "bias"), {e});
    causal_conv1d(stream_, u.view(), state.view(), x_in.view(), weight.view(), bias.view(), rows(b, l));
    check(name + ".y", u, output(name, "y"));
    check(name + ".state", state, transposed(output(name, "state")));
  }

  void norm(const std::string& name, double eps) {
    const Array x = input(name, "x");
    const bool weighted = vectors_.contains(name + ".in.weight");
    Tensor y = zeros(x.shape);
    const Tensor x_in = made(x, x.shape);
    const Tensor weight = weighted ? made(input(name, "weight"), {x.shape[1]}) : Tensor();
    rms_norm(stream_, y.view(), x_in.view(), weight.view(), eps);
    check(name + ".y", y, output(name, "y"));
  }

 private:
  Array input(const std::string& name, const std::string& which) const { return read(vectors_, name + ".in." + which); }
  Array output(const std::string& name, const std::string& which) const {
    return read(vectors_, name + ".out." + which);
  }

  Place place() const { return stream_.backend().place(); }
  Tensor zeros(const Shape& shape) const { return Tensor(dtype_, shape, place()); }

  Tensor made(const Array& from, const Shape& shape) const {
    Tensor tensor(dtype_, shape);
    for (size_t i = 0; i < from.values.size(); ++i)
      store_element(tensor.view().data, dtype_, static_cast<int64_t>(i), from.values[i]);
    return tensor.copy_to(place());
  }

  // [..., a, b] -> [..., b, a]: the vectors have channels outermost, the operations innermost.
  static Array transposed(Array from) {
    const int64_t a = from.shape[-2], b = from.shape[-1], blocks = from.shape.elements() / (a * b);
    Array to = from;
    for (int64_t block = 0; block < blocks; ++block)
      for (int64_t i = 0; i < a; ++i)
        for (int64_t j = 0; j < b; ++j)
          to.values[static_cast<size_t>((block * b + j) * a + i)] =
              from.values[static_cast<size_t>((block * a + i) * b + j)];
    return to;
  }

  static std::vector<Segment> rows(int64_t b, int64_t l) {
    std::vector<Segment> segments;
    for (int64_t row = 0; row < b; ++row) segments.push_back({row * l, l, row});
    return segments;
  }

  void check(const std::string& group, const Tensor& got, const Array& expected) {
    report_.check("ops " + std::string(saker::name(dtype_)) + " " + group,
                  relative_error(to_array(got.view(), place()).values, expected.values),
                  dtype_ == DType::f64 ? 1e-12 : 1e-5);
  }

  const SafetensorsFile& vectors_;
  Stream stream_;
  DType dtype_;
  Report& report_;
};

}  // namespace

void check_ops(const std::filesystem::path& golden, const Backend& backend, Report& report) {
  const SafetensorsFile vectors(golden / "ops.safetensors");
  std::set<std::string> names;
  for (const SafetensorsEntry& entry : vectors.entries()) names.insert(entry.name.substr(0, entry.name.find('.')));
  for (DType dtype : {DType::f32, DType::f64}) {
    if (dtype == DType::f64 && backend.kind != BackendKind::reference) continue;
    OpCheck check(vectors, backend, dtype, report);
    for (const std::string& name : names) {
      if (name.starts_with("scan")) check.scan(name);
      if (name.starts_with("conv")) check.conv(name);
      // The epsilons are not in the file; golden/README.md names them.
      if (name.starts_with("norm")) check.norm(name, name == "norm" ? 1e-5 : 1e-3);
    }
  }
}

}  // namespace saker::conformance
