// The sub-commands of the binary: apps/<name>.cpp defines add_<name>, which registers options, an example for --help
// and a callback. A callback throws saker::Error; main() turns it into a message and an exit code.
#pragma once

#include <CLI/CLI.hpp>

namespace saker::apps {

void add_bench(CLI::App& app);
void add_chat(CLI::App& app);
void add_convert(CLI::App& app);
void add_data(CLI::App& app);
void add_doctor(CLI::App& app);
void add_generate(CLI::App& app);
void add_init(CLI::App& app);
void add_inspect(CLI::App& app);
void add_perplexity(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_tokenizer(CLI::App& app);
void add_train(CLI::App& app);

}  // namespace saker::apps
