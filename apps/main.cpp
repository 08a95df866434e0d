// saker: the one binary. Text goes to stdout, everything else to stderr.

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <new>

#include "apps/commands.h"
#include "apps/exit_code.h"
#include "apps/suggestion.h"
#include "core/error.h"

namespace saker::apps {
namespace {

int fail_with(ExitCode code, std::string_view message) {
  std::fflush(stdout);
  // Not fmt::print, which throws where stderr takes no text.
  const std::string line = fmt::format("saker: {}\n", message);
  std::fwrite(line.data(), 1, line.size(), stderr);
  return code;
}

// Output that could not be written is a failure, not silence; a reader that went away is not.
int finish(int code) {
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return code;
  return fail_with(kFailed, "standard output could not be written");
}

void add_commands(CLI::App& app) {
  add_bench(app);
  add_chat(app);
  add_convert(app);
  add_data(app);
  add_doctor(app);
  add_generate(app);
  add_init(app);
  add_inspect(app);
  add_perplexity(app);
  add_tokenize(app);
  add_tokenizer(app);
  add_train(app);
}

int wrong_usage(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  // --help and --version arrive as errors, too.
  if (error.get_exit_code() == 0) return finish(app.exit(error));
  std::string message = error.what(), words = "saker";
  const CLI::App* command = &app;
  int first = 1;  // argument behind the words of the command
  for (; !command->get_subcommands().empty(); ++first) {
    command = command->get_subcommands().front();
    words += " " + command->get_name();
  }
  if (first < argc && command->get_require_subcommand_min() > 0) {
    message = unknown_command(*command, argv[first]);
  } else if (first > 1) {
    for (int i = argc - 1; i >= first; --i)
      if (const std::string unknown = unknown_option(*command, argv[i]); !unknown.empty()) message = unknown;
  }
  return fail_with(kWrongUsage, fmt::format("{}; try {} --help", message, words));
}

int run(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);
  CLI::App app("Saker: Falcon Mamba language models on your machine", "saker");
  app.require_subcommand(1);
  app.set_version_flag("--version", "saker " SAKER_VERSION);
  add_commands(app);
  try {
    app.parse(argc, argv);
    return finish(kDone);
  } catch (const CLI::ParseError& error) {
    return wrong_usage(app, error, argc, argv);
  } catch (const Error& error) {
    return fail_with(error.code() == ErrorCode::cancelled ? kInterrupted : kFailed, error.what());
  } catch (const std::bad_alloc&) {
    return fail_with(kFailed, "out of memory");
  } catch (const std::exception& error) {
    return fail_with(kFailed, fmt::format("internal error: {}", error.what()));
  }
}

}  // namespace
}  // namespace saker::apps

int main(int argc, char** argv) {
  return saker::apps::run(argc, argv);
}
