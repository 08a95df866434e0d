// Runs the cases of an operation: every backend, instruction set and number of threads against the reference.
#pragma once

#include <span>

#include "ops/op_case.h"

namespace saker {

// For each case: the CPU backend on every instruction set of this machine agrees with the reference by the rule of
// OpOutput, writes nothing else, and gives the same bits with 1, 2 and 3 threads; or that it refuses the case if it is
// marked so. Failures are GoogleTest failures.
// Defined in op_testing_test.cpp, which every test program of ops links.
void test_op_cases(std::span<const OpCase> cases);

// The same on a GPU: agrees with the reference, writes nothing else, gives the same bits twice.
void test_op_cases_on(const Backend& gpu, std::span<const OpCase> cases);

// The cases without the large shapes of real models, for operations that have other tests of those.
std::vector<OpCase> without_benchmarks(std::vector<OpCase> cases);

// The instruction sets to try, as Highway targets, and the switch to one of them (0: back to the best).
std::vector<int64_t> testable_targets();
int64_t best_target();
void use_target(int64_t target);

}  // namespace saker
