#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <cstring>
#include <future>
#include <memory>
#include <vector>

#include "core/error.h"
#include "ops/op_table.h"
#include "ops/op_testing.h"

namespace saker {

std::vector<int64_t> testable_targets() {
  return hwy::SupportedAndGeneratedTargets();
}

std::vector<OpCase> without_benchmarks(std::vector<OpCase> cases) {
  std::erase_if(cases, [](const OpCase& c) { return c.benchmark; });
  return cases;
}

// Highway orders targets best first, from the lowest bit.
int64_t best_target() {
  return testable_targets().front();
}

void use_target(int64_t target) {
  hwy::SetSupportedTargetsForTest(target);
}

namespace {

void expect_close(const OpOutput& got, const OpOutput& expected) {
  const ConstTensorView a = got.tensor->view(), b = expected.tensor->view();
  double worst = 0.0, worst_bound = 0.0;
  int64_t worst_row = -1, worst_column = -1;
  for (int64_t row = 0; row < b.rows(); ++row)
    for (int64_t i = 0; i < b.columns(); ++i) {
      const double x = load_element(a.data, a.dtype, a.offset(row, i)),
                   y = load_element(b.data, b.dtype, b.offset(row, i));
      const double bound =
          epsilon(b.dtype) * std::abs(y) + 4.0 * epsilon(DType::f32) * std::sqrt(got.length) * got.scale;
      const double error = std::isnan(x) || std::isnan(y) ? (std::isnan(x) == std::isnan(y) ? 0.0 : INFINITY)
                           : x == y                       ? 0.0
                                                          : std::abs(x - y);
      if (error > bound && !(error / bound <= worst)) {
        worst = error / bound;
        worst_bound = bound;
        worst_row = row;
        worst_column = i;
      }
    }
  if (worst_row >= 0)
    ADD_FAILURE() << got.name << "[" << worst_row << ", " << worst_column << "]: found "
                  << load_element(a.data, a.dtype, a.offset(worst_row, worst_column)) << ", expected "
                  << load_element(b.data, b.dtype, b.offset(worst_row, worst_column)) << " within " << worst_bound;
}

bool same_bits(const CaseTensor& a, const CaseTensor& b) {
  const ConstTensorView x = a.view(), y = b.view();
  const size_t row_bytes = static_cast<size_t>(x.columns()) * size_of(x.dtype);
  for (int64_t row = 0; row < x.rows(); ++row) {
    const auto start = static_cast<size_t>(x.offset(row)) * size_of(x.dtype);
    if (std::memcmp(x.as<std::byte>() + start, y.as<std::byte>() + start, row_bytes) != 0) return false;
  }
  return true;
}

void run(OpProblem& problem, const Backend& backend) {
  Stream stream(backend);
  problem.run(stream);
}

void test_case(const OpCase& test, OpProblem& expected) {
  std::unique_ptr<OpProblem> one_thread;
  for (int threads : test.benchmark ? std::vector<int>{2} : std::vector<int>{1, 2, 3}) {
    auto problem = test.make();
    run(*problem, open_backend(BackendKind::cpu, threads));
    const auto got = problem->outputs(), wanted = expected.outputs();
    for (size_t i = 0; i < got.size(); ++i) {
      expect_close(got[i], wanted[i]);
      EXPECT_TRUE(got[i].tensor->guards_intact()) << got[i].name << " was written outside";
      if (one_thread) {
        EXPECT_TRUE(same_bits(*got[i].tensor, *one_thread->outputs()[i].tensor))
            << got[i].name << " depends on the number of threads: " << threads;
      }
    }
    if (threads == 1) one_thread = std::move(problem);
  }
}

// What the reference makes of each case. It is slow: every case has a thread.
std::vector<std::unique_ptr<OpProblem>> references(std::span<const OpCase> cases) {
  std::vector<std::unique_ptr<OpProblem>> problems;
  std::vector<std::future<void>> runs;
  for (const OpCase& test : cases) {
    OpProblem* const problem = problems.emplace_back(test.make()).get();
    runs.push_back(
        std::async(std::launch::async, [problem] { run(*problem, open_backend(BackendKind::reference, 1)); }));
  }
  for (std::future<void>& done : runs) done.get();
  return problems;
}

void expect_refusal(const OpCase& test) {
  SCOPED_TRACE(test.name);
  try {
    run(*test.make(), open_backend(BackendKind::cpu, 1));
    ADD_FAILURE() << "the CPU backend took it";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported) << error.what();
  }
}

}  // namespace

void test_op_cases_on(const Backend& gpu, std::span<const OpCase> cases) {
  const auto expected = references(cases);
  Stream stream(gpu);
  for (size_t at = 0; at < cases.size(); ++at) {
    const OpCase& test = cases[at];
    SCOPED_TRACE(test.name + " on the GPU");
    auto problem = test.make(), again = test.make();
    problem->run(stream);
    again->run(stream);
    stream.wait();
    const auto got = problem->outputs(), repeated = again->outputs(), wanted = expected[at]->outputs();
    for (size_t i = 0; i < got.size(); ++i) {
      expect_close(got[i], wanted[i]);
      EXPECT_TRUE(got[i].tensor->guards_intact()) << got[i].name << " was written outside";
      EXPECT_TRUE(same_bits(*got[i].tensor, *repeated[i].tensor)) << got[i].name << " differs between two runs";
    }
    if (testing::Test::HasFailure()) return;
  }
}

void test_op_cases(std::span<const OpCase> cases) {
  for (const OpCase& test : cases) {
    auto expected = test.make();
    run(*expected, open_backend(BackendKind::reference, 0));
    if (!test.on_cpu) {
      expect_refusal(test);
      continue;
    }
    // The large shapes take long to make; the best instruction set is enough for them.
    for (int64_t target : test.benchmark ? std::vector<int64_t>{best_target()} : testable_targets()) {
      SCOPED_TRACE(test.name + " on " + hwy::TargetName(target));
      use_target(target);
      test_case(test, *expected);
      if (testing::Test::HasFailure()) break;
    }
    use_target(0);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace saker
