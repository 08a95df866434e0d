// scripts/conformance: checks folders of vectors; exit 0 only when all hold.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "conformance/conformance.h"
#include "core/error.h"

int main(int argc, char** argv) {
  namespace conformance = saker::conformance;
  CLI::App app("Checks Saker against folders of vectors. SAKER_BACKEND=reference|cpu|cuda chooses the backend.");
  std::string golden, tokenizers, device = "cpu";
  app.add_option("--golden", golden, "a folder laid out like shared/golden")->check(CLI::ExistingDirectory);
  app.add_option("--tokenizers", tokenizers, "a folder laid out like shared/tokenizer")->check(CLI::ExistingDirectory);
  app.add_option("--device", device, "cpu, cuda or cuda:N")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  conformance::Report report;
  try {
    const saker::Backend backend = saker::open_device(device);
    fmt::print("backend {}, {} threads\n", name(backend.kind), backend.threads);
    conformance::check_formula_model(backend, report);
    if (!golden.empty()) {
      conformance::check_models(golden, backend, report);
      conformance::check_training(golden, backend, report);
      conformance::check_ops(golden, backend, report);
      conformance::check_sampling(golden, report);
    }
    if (!tokenizers.empty()) conformance::check_tokenizers(tokenizers, report);
  } catch (const saker::Error& error) {
    report.failed("run", error.what());
  }
  fmt::print("{} passed, {} failed\n", report.passed(), report.failed());
  return report.failed() == 0 ? 0 : 1;
}
