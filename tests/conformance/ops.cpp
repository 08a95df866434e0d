#include <algorithm>
#include <set>
#include <string>

#include "conformance/conformance.h"
#include "conformance/vectors.h"
#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/causal_conv1d/causal_conv1d_backward.h"
#include "ops/linear_cross_entropy/linear_cross_entropy.h"
#include "ops/rms_norm/rms_norm.h"
#include "ops/rms_norm/rms_norm_backward.h"
#include "ops/selective_scan/selective_scan.h"
#include "ops/selective_scan/selective_scan_backward.h"

namespace saker::conformance {

namespace {

// An operation's golden vectors, computed in one type: f32, or f64 on the reference.
class OpCheck {
 public:
  OpCheck(const SafetensorsFile& vectors, const Backend& backend, DType dtype, Report& report)
      : vectors_(vectors), stream_(backend), dtype_(dtype), report_(report) {}

  void scan(const std::string& name) {
    ScanInputs in = scan_inputs(name);
    Tensor y = zeros({in.rows, in.e});
    selective_scan(stream_, {.y = y.view(),
                             .state = in.state.view(),
                             .u = in.u.view(),
                             .delta = in.delta.view(),
                             .delta_bias = in.delta_bias.view(),
                             .A = in.A.view(),
                             .B = in.B.view(),
                             .C = in.C.view(),
                             .D = in.D.view(),
                             .z = in.z.view(),
                             .segments = in.segments});
    check(name + ".y", y, output(name, "y"));
    check(name + ".state", in.state, transposed(output(name, "state")));
  }

  void scan_gradients(const std::string& name) {
    const ScanInputs in = scan_inputs(name);
    Tensor du = zeros({in.rows, in.e}), ddelta = zeros({in.rows, in.e}), dz = zeros({in.rows, in.e});
    Tensor dB = zeros({in.rows, in.n}), dC = zeros({in.rows, in.n}), dA_log = zeros({in.n, in.e});
    Tensor dD = zeros({in.e}), ddelta_bias = zeros({in.e});
    Tensor dstate = made(transposed(output_gradient(name, "state")), in.state.view().shape);
    const Tensor dy = made(output_gradient(name, "y"), {in.rows, in.e});
    selective_scan_backward(stream_, {.du = du.view(),
                                      .ddelta = ddelta.view(),
                                      .dz = dz.view(),
                                      .dB = dB.view(),
                                      .dC = dC.view(),
                                      .dA_log = dA_log.view(),
                                      .dD = dD.view(),
                                      .ddelta_bias = ddelta_bias.view(),
                                      .dstate = dstate.view(),
                                      .dy = dy.view(),
                                      .u = in.u.view(),
                                      .delta = in.delta.view(),
                                      .delta_bias = in.delta_bias.view(),
                                      .A = in.A.view(),
                                      .B = in.B.view(),
                                      .C = in.C.view(),
                                      .D = in.D.view(),
                                      .z = in.z.view(),
                                      .state = in.state.view(),
                                      .segments = in.segments});
    check(name + ".du", du, gradient(name, "u"));
    check(name + ".ddelta", ddelta, gradient(name, "delta"));
    check(name + ".dz", dz, gradient(name, "z"));
    check(name + ".dB", dB, gradient(name, "B"));
    check(name + ".dC", dC, gradient(name, "C"));
    check(name + ".dA_log", dA_log, transposed(gradient(name, "A_log")));
    check(name + ".dD", dD, gradient(name, "D"));
    check(name + ".ddelta_bias", ddelta_bias, gradient(name, "delta_bias"));
    check(name + ".dstate", dstate, transposed(gradient(name, "state")));
  }

  void conv(const std::string& name) {
    ConvInputs in = conv_inputs(name);
    Tensor u = zeros(in.x.view().shape);
    causal_conv1d(stream_, u.view(), in.state.view(), in.x.view(), in.weight.view(), in.bias.view(), in.segments);
    check(name + ".y", u, output(name, "y"));
    check(name + ".state", in.state, transposed(output(name, "state")));
  }

  void conv_gradients(const std::string& name) {
    const ConvInputs in = conv_inputs(name);
    Tensor dx = zeros(in.x.view().shape), dweight = zeros(in.weight.view().shape), dbias = zeros(in.bias.view().shape);
    Tensor dstate = made(transposed(output_gradient(name, "state")), in.state.view().shape);
    const Tensor du = made(output_gradient(name, "y"), in.x.view().shape);
    causal_conv1d_backward(stream_, {.dx = dx.view(),
                                     .dweight = dweight.view(),
                                     .dbias = dbias.view(),
                                     .dstate = dstate.view(),
                                     .du = du.view(),
                                     .x = in.x.view(),
                                     .weight = in.weight.view(),
                                     .bias = in.bias.view(),
                                     .state = in.state.view(),
                                     .segments = in.segments});
    check(name + ".dx", dx, gradient(name, "x"));
    check(name + ".dweight", dweight, transposed(gradient(name, "weight")));
    check(name + ".dbias", dbias, gradient(name, "bias"));
    check(name + ".dstate", dstate, transposed(gradient(name, "state")));
  }

  void norm(const std::string& name, double eps) {
    const NormInputs in = norm_inputs(name);
    Tensor y = zeros(in.x.view().shape);
    rms_norm(stream_, y.view(), in.x.view(), in.weight.view(), eps);
    check(name + ".y", y, output(name, "y"));
  }

  void norm_gradients(const std::string& name, double eps) {
    const NormInputs in = norm_inputs(name);
    Tensor dx = zeros(in.x.view().shape), dweight = in.weight ? zeros(in.weight.view().shape) : Tensor();
    const Tensor dy = made(output_gradient(name, "y"), in.x.view().shape);
    rms_norm_backward(stream_, {.dx = dx.view(),
                                .dweight = dweight.view(),
                                .dy = dy.view(),
                                .x = in.x.view(),
                                .weight = in.weight.view(),
                                .eps = eps});
    check(name + ".dx", dx, gradient(name, "x"));
    if (in.weight) check(name + ".dweight", dweight, gradient(name, "weight"));
  }

  // The vectors start from logits: x, with the identity as the weight.
  void head(const std::string& name) {
    const Array logits = input(name, "logits");
    const int64_t l = logits.shape[0], v = logits.shape[1];
    const std::vector<int32_t> labels = read_ids(vectors_, name + ".target");
    const auto kept = static_cast<double>(l - std::count(labels.begin(), labels.end(), kIgnoredLabel));
    const double cross_entropy = output_gradient(name, "cross_entropy").values[0],
                 squares = output_gradient(name, "mean_square_lse").values[0];
    Tensor nats = zeros({l, 1}), lse = zeros({l, 1}), dx = zeros({l, v}), dweight = zeros({v, v});
    Tensor identity = zeros({v, v});
    for (int64_t i = 0; i < v; ++i) store_element(identity.view().data, dtype_, i * v + i, 1.0);
    const Tensor x = made(logits, {l, v});
    linear_cross_entropy(stream_, {.nats = nats.view(),
                                   .lse = lse.view(),
                                   .dx = dx.view(),
                                   .dweight = dweight.view(),
                                   .x = x.view(),
                                   .weight = identity.view(),
                                   .labels = labels,
                                   .scale = cross_entropy / kept,
                                   .z_loss = squares / cross_entropy});
    double nats_sum = 0.0, squares_sum = 0.0;
    for (double value : to_array(nats.view()).values) nats_sum += value;
    for (double value : to_array(lse.view()).values) squares_sum += value * value;
    check(name + ".cross_entropy", made({{1}, {nats_sum / kept}}, {1}), output(name, "cross_entropy"));
    check(name + ".mean_square_lse", made({{1}, {squares_sum / kept}}, {1}), output(name, "mean_square_lse"));
    check(name + ".dlogits", dx, gradient(name, "logits"));
  }

 private:
  struct ScanInputs {
    int64_t rows, e, n;
    Tensor u, delta, z, B, C, A, D, delta_bias, state;
    std::vector<Segment> segments;
  };
  struct ConvInputs {
    Tensor x, weight, bias, state;
    std::vector<Segment> segments;
  };
  struct NormInputs {
    Tensor x, weight;  // weight may be empty
  };

  ScanInputs scan_inputs(const std::string& name) const {
    const Array u = input(name, "u");
    const int64_t b = u.shape[0], l = u.shape[1], e = u.shape[2], n = input(name, "A_log").shape[1];
    Array A = transposed(input(name, "A_log"));
    for (double& value : A.values) value = -std::exp(value);
    return {.rows = b * l,
            .e = e,
            .n = n,
            .u = made(u, {b * l, e}),
            .delta = made(input(name, "delta"), {b * l, e}),
            .z = made(input(name, "z"), {b * l, e}),
            .B = made(input(name, "B"), {b * l, n}),
            .C = made(input(name, "C"), {b * l, n}),
            .A = made(A, {n, e}),
            .D = made(input(name, "D"), {e}),
            .delta_bias = made(input(name, "delta_bias"), {e}),
            .state = made(transposed(input(name, "state")), {b, n, e}),
            .segments = rows(b, l)};
  }

  ConvInputs conv_inputs(const std::string& name) const {
    const Array x = input(name, "x");
    const int64_t b = x.shape[0], l = x.shape[1], e = x.shape[2], k = input(name, "weight").shape[1];
    return {.x = made(x, {b * l, e}),
            .weight = made(transposed(input(name, "weight")), {k, e}),
            .bias = made(input(name, "bias"), {e}),
            .state = made(transposed(input(name, "state")), {b, k - 1, e}),
            .segments = rows(b, l)};
  }

  NormInputs norm_inputs(const std::string& name) const {
    const Array x = input(name, "x");
    const bool weighted = vectors_.contains(name + ".in.weight");
    return {.x = made(x, x.shape), .weight = weighted ? made(input(name, "weight"), {x.shape[1]}) : Tensor()};
  }

  Array input(const std::string& name, const std::string& which) const { return read(vectors_, name + ".in." + which); }
  Array output(const std::string& name, const std::string& which) const {
    return read(vectors_, name + ".out." + which);
  }

  Array output_gradient(const std::string& name, const std::string& which) const {
    return read(vectors_, name + ".out_grad." + which);
  }
  Array gradient(const std::string& name, const std::string& which) const {
    return read(vectors_, name + ".in_grad." + which);
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
      // The epsilons are not in the file; golden/README.md names them.
      const double eps = name == "norm" ? 1e-5 : 1e-3;
      if (name.starts_with("scan")) check.scan(name);
      if (name.starts_with("conv")) check.conv(name);
      if (name.starts_with("norm")) check.norm(name, eps);
      if (!backend.place().on_host()) continue;  // a GPU's gradients: tests/gpu
      if (name.starts_with("scan")) check.scan_gradients(name);
      if (name.starts_with("conv")) check.conv_gradients(name);
      if (name.starts_with("norm")) check.norm_gradients(name, eps);
      if (name == "head") check.head(name);
    }
  }
}

}  // namespace saker::conformance
