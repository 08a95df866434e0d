// saker generate: continues a text.

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/commands.h"
#include "apps/interrupt.h"
#include "apps/machine.h"
#include "apps/model_cost.h"
#include "apps/model_options.h"
#include "apps/option_checks.h"
#include "apps/progress.h"
#include "apps/sampling_options.h"
#include "apps/standard_input.h"
#include "apps/standard_output.h"
#include "device/cpu/bandwidth.h"
#include "infer/log_probabilities.h"
#include "infer/sample_group.h"
#include "io/atomic_file.h"
#include "io/read_file.h"
#include "ops/op_table.h"
#include "tokenizer/stop_strings.h"
#include "tokenizer/streaming_detokenizer.h"

namespace saker::apps {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

struct GenerateOptions {
  ModelOptions model;
  SamplingOptions sampling;
  std::optional<std::string> prompt;
  std::optional<std::string> prompt_file;
  int64_t max_tokens = 256;
  int64_t samples = 1;
  std::optional<int64_t> log_probabilities;
  std::string save_state, load_state;
  bool raw = false, stats = false, json = false;
};

std::string prompt_of_stdin() {
  if (::isatty(STDIN_FILENO)) throw CLI::RequiredError("a prompt (-p TEXT, -f FILE or stdin)");
  return read_standard_input();
}

// Nothing where a saved state goes on by itself.
std::optional<std::string> read_prompt(const GenerateOptions& options) {
  if (options.prompt) return options.prompt;
  if (options.prompt_file && *options.prompt_file != "-") return read_file(*options.prompt_file);
  if (!options.prompt_file && !options.load_state.empty()) return std::nullopt;
  return prompt_of_stdin();
}

// One of the texts that are generated.
class Sample {
 public:
  Sample(const Tokenizer& tokenizer, const GenerateOptions& options)
      : tokenizer_(tokenizer), detokenizer_(tokenizer, !options.raw), stops_(options.sampling.stop) {}

  // Takes the next token and returns the text that can be shown now.
  std::string add(int32_t id, const GenerationLimits& limits) {
    ++tokens_;
    reason_ = limits.reached(id, tokens_);
    std::string shown = reason_ == FinishReason::stop_id ? std::string() : stops_.push(detokenizer_.push(id));
    if (stops_.found()) reason_ = FinishReason::stop_string;
    return shown;
  }

  // The rest of the text; the sample is over.
  std::string end(FinishReason reason) {
    reason_ = reason;
    if (reason == FinishReason::stop_string) return {};
    std::string rest = stops_.push(detokenizer_.flush());
    return stops_.found() ? rest : rest + stops_.flush();
  }

  // Keeps what --json and --num-samples report.
  void keep(int32_t id) { ids_.push_back(id); }
  void keep(std::string_view text) { text_ += text; }
  void keep(nlohmann::json log_probability) { log_probabilities_.push_back(std::move(log_probability)); }

  int64_t tokens() const noexcept { return tokens_; }
  const std::optional<FinishReason>& reason() const noexcept { return reason_; }
  const std::string& text() const noexcept { return text_; }
  nlohmann::json json() const {
    nlohmann::json out{{"ids", ids_}, {"text", text_}, {"stop_reason", reason_ ? name(*reason_) : ""}};
    if (!log_probabilities_.is_null()) out["logprobs"] = log_probabilities_;
    return out;
  }

 private:
  const Tokenizer& tokenizer_;
  StreamingDetokenizer detokenizer_;
  StopStrings stops_;
  int64_t tokens_ = 0;
  std::optional<FinishReason> reason_;
  std::vector<int32_t> ids_;
  std::string text_;
  nlohmann::json log_probabilities_;
};

struct Timing {
  int64_t prompt_tokens = 0, decode_steps = 0, decode_tokens = 0;
  double prefill_seconds = 0.0, decode_seconds = 0.0;

  // Absent where nothing was timed.
  std::optional<double> prefill_rate() const { return rate(prompt_tokens, prefill_seconds); }
  std::optional<double> decode_rate() const { return rate(decode_tokens, decode_seconds); }
  std::optional<double> step_rate() const { return rate(decode_steps, decode_seconds); }

 private:
  static std::optional<double> rate(int64_t count, double seconds) {
    if (count == 0 || seconds <= 0.0) return std::nullopt;
    return static_cast<double>(count) / seconds;
  }
};

class Generation {
 public:
  explicit Generation(const GenerateOptions& options)
      : options_(options),
        prompt_(read_prompt(options)),
        model_(load_model(options.model)),
        tokenizer_(load_tokenizer(options.model)),
        defaults_(load_generation_config(options.model.folder, model_.config())),
        params_(sampling_params(options.sampling, defaults_)),
        limits_{options.max_tokens, stop_ids(options.sampling, defaults_)},
        stream_(host_backend(model_.backend())),
        workspace_(model_, std::max(Workspace::default_rows(model_.backend()), options.samples)),
        session_(options.load_state.empty() ? Session(model_, workspace_)
                                            : Session::load(options.load_state, model_, workspace_).session) {
    if (prompt_) prompt_ids_ = tokenizer_.encode(*prompt_, /*add_special_tokens=*/!options_.raw);
    SAKER_CHECK(!prompt_ || !prompt_->empty(), ErrorCode::invalid_argument,
                "[generate] expected a prompt, found an empty text");
    SAKER_CHECK(!prompt_ids_.empty() || session_.tokens() > 0, ErrorCode::invalid_argument,
                "[generate] expected a prompt of at least one token, found none");
    // Better said before a long text than after it.
    if (!options_.save_state.empty()) AtomicFile writable(options_.save_state);
    for (int64_t i = 0; i < options_.samples; ++i) samples_.emplace_back(tokenizer_, options_);
    if (options_.model.verbose) fmt::print(stderr, "seed {}\n", params_.seed);
  }

  // Throws cancelled after an interrupt, when all is kept and reported.
  void run() {
    const bool complete = prefill();
    if (complete) decode();
    if (!options_.save_state.empty()) session_.save(options_.save_state);
    for (Sample& sample : samples_)
      if (!sample.reason()) sample.end(FinishReason::cancelled);
    report();
    if (interrupt_.requested()) fail(ErrorCode::cancelled, "interrupted");
  }

 private:
  bool streams() const { return !options_.json && options_.samples == 1; }
  bool keeps() const { return !streams(); }

  bool prefill() {
    const Clock::time_point begin = Clock::now();
    Progress progress("prompt", "tokens", static_cast<int64_t>(prompt_ids_.size()));
    const bool complete = session_.append(prompt_ids_, [&](int64_t done) {
      timing_.prompt_tokens = done;
      progress.update(done);
      return !interrupt_.requested();
    });
    timing_.prefill_seconds = seconds_since(begin);
    return complete;
  }

  void decode() {
    if (limits_.max_tokens == 0) {
      for (Sample& sample : samples_) sample.end(FinishReason::length);
      return;
    }
    SampleGroup group(session_, options_.samples, params_);
    Clock::time_point begin = Clock::now();
    while (!group.done() && !interrupt_.requested()) {
      const auto draws = group.step();
      // The first tokens are drawn from the prompt's logits: the clock of decoding starts behind them.
      const bool first = timing_.decode_steps == 0 && timing_.decode_tokens == 0 && !started_;
      if (first) {
        started_ = true;
        begin = Clock::now();
      } else {
        ++timing_.decode_steps;
        timing_.decode_tokens += static_cast<int64_t>(draws.size());
      }
      for (const SampleGroup::Draw& draw : draws) take(group, draw);
    }
    timing_.decode_seconds = seconds_since(begin);
    for (Sample& sample : samples_)
      if (!sample.reason()) emit(sample, sample.end(FinishReason::cancelled));
    if (!options_.save_state.empty()) session_ = group.session(0);
  }

  void take(SampleGroup& group, const SampleGroup::Draw& draw) {
    Sample& sample = samples_[static_cast<size_t>(draw.member)];
    if (keeps()) sample.keep(draw.id);
    if (options_.log_probabilities) sample.keep(log_probability(group, draw));
    emit(sample, sample.add(draw.id, limits_));
    if (!sample.reason()) return;
    emit(sample, sample.end(*sample.reason()));
    group.finish(draw.member);
  }

  void emit(Sample& sample, std::string_view text) {
    if (keeps()) sample.keep(text);
    if (streams()) write_standard_output(text);
  }

  nlohmann::json log_probability(SampleGroup& group, const SampleGroup::Draw& draw) {
    const LogProbabilities of(stream_, group.logits(draw.member));
    const auto entry = [&](int32_t id, float value) {
      return nlohmann::json{{"id", id}, {"token", tokenizer_.decode({&id, 1}, false)}, {"logprob", value}};
    };
    nlohmann::json out = entry(draw.id, of.of(draw.id));
    out["top"] = nlohmann::json::array();
    for (const auto& [id, value] : of.top(*options_.log_probabilities)) out["top"].push_back(entry(id, value));
    return out;
  }

  void report() {
    if (options_.json) {
      write_standard_output(json().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    } else if (streams()) {
      write_standard_output("\n");
    } else {
      for (size_t i = 0; i < samples_.size(); ++i)
        write_standard_output(fmt::format("== {} ==\n{}\n", i + 1, samples_[i].text()));
    }
    if (options_.stats) print_stats();
  }

  nlohmann::json json() const {
    const auto number = [](std::optional<double> value) { return value ? nlohmann::json(*value) : nlohmann::json(); };
    nlohmann::json out = samples_.front().json();
    out["prompt_ids"] = prompt_ids_;
    out["seed"] = params_.seed;
    out["prefill_tokens_per_second"] = number(timing_.prefill_rate());
    out["decode_tokens_per_second"] = number(timing_.decode_rate());
    out["peak_memory_bytes"] = peak_memory_bytes();
    if (samples_.size() > 1)
      for (const Sample& sample : samples_) out["samples"].push_back(sample.json());
    return out;
  }

  void print_stats() const {
    const auto rate = [](std::optional<double> value) { return value ? fmt::format("{:.1f}", *value) : "-"; };
    fmt::print(stderr, "prefill  {} tokens, {} tokens/s\n", timing_.prompt_tokens, rate(timing_.prefill_rate()));
    fmt::print(stderr, "decode   {} tokens, {} tokens/s\n", timing_.decode_tokens, rate(timing_.decode_rate()));
    fmt::print(stderr, "memory   {:.1f} MB at most\n", static_cast<double>(peak_memory_bytes()) / 1e6);
    const std::optional<double> steps = timing_.step_rate();
    if (!steps) return;
    const double moved = *steps * decode_step_bytes(model_.config(), model_.dtype(), options_.samples);
    const MemoryBandwidth bandwidth = measure_bandwidth(model_.backend().threads);
    fmt::print(stderr,
               "         {:.1f} GB/s moved by decode: {:.0f}% of the {:.1f} GB/s that this machine reads, {:.0f}% of "
               "the {:.1f} that it copies\n",
               moved / 1e9, 100.0 * moved / bandwidth.read, bandwidth.read / 1e9, 100.0 * moved / bandwidth.copy,
               bandwidth.copy / 1e9);
  }

  const GenerateOptions& options_;
  Interrupt interrupt_;
  std::optional<std::string> prompt_;
  FalconMamba model_;
  Tokenizer tokenizer_;
  GenerationConfig defaults_;
  SamplingParams params_;
  GenerationLimits limits_;
  Stream stream_;
  Workspace workspace_;
  Session session_;
  std::vector<int32_t> prompt_ids_;
  std::vector<Sample> samples_;
  Timing timing_;
  bool started_ = false;
};

}  // namespace

void add_generate(CLI::App& app) {
  auto options = std::make_shared<GenerateOptions>();
  CLI::App* command = app.add_subcommand("generate", "continue a text");
  add_model_options(*command, options->model);
  auto* text = command->add_option("prompt,-p,--prompt", options->prompt, "the text to continue");
  command->add_option("-f,--file", options->prompt_file, "read it from a file; - or nothing: stdin")
      ->excludes(text)
      ->type_name("FILE");
  command->add_option("-n,--max-tokens", options->max_tokens, "tokens to generate; -1: without end")
      ->check(whole_number(-1))
      ->capture_default_str();
  command->add_option("--num-samples", options->samples, "texts to generate at once")
      ->check(whole_number(1, 1024))
      ->capture_default_str();
  add_sampling_options(*command, options->sampling);
  command->add_option("--logprobs", options->log_probabilities, "with --json: each token's and the N best tokens'")
      ->check(whole_number(0, 1000))
      ->type_name("N");
  command->add_option("--save-state", options->save_state, "keep the state after the text")
      ->type_name("FILE")
      ->check(not_empty());
  command->add_option("--load-state", options->load_state, "go on from a kept state")
      ->type_name("FILE")
      ->check(not_empty());
  command->add_flag("--raw", options->raw, "add no special tokens to the prompt, show those of the text");
  command->add_flag("--stats", options->stats, "speed and memory on stderr");
  add_json_option(*command, options->json);
  command->footer("Example: saker generate --model DIR -p \"Once upon a time\" -n 100 --temperature 0.7");
  command->callback([options] { Generation(*options).run(); });
}

}  // namespace saker::apps
