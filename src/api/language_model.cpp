#include "saker/language_model.h"

#include "core/error.h"
#include "infer/generation_limits.h"
#include "infer/session.h"
#include "model/checkpoint.h"
#include "model/falcon_mamba.h"
#include "ops/op_table.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/stop_strings.h"
#include "tokenizer/streaming_detokenizer.h"
#include "tokenizer/tokenizer.h"

namespace saker {

namespace {

std::optional<DType> weights_dtype(const std::string& name) {
  if (name.empty()) return std::nullopt;
  const std::optional<DType> dtype = dtype_from_name(name);
  SAKER_CHECK(dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16, ErrorCode::invalid_argument,
              "[model] dtype is f32, bf16 or f16; found {}", quoted(name));
  return dtype;
}

SamplingParams sampling_of(const GenerationSettings& settings) {
  SamplingParams params;
  params.temperature = settings.temperature;
  params.top_k = settings.top_k;
  params.top_p = settings.top_p;
  params.min_p = settings.min_p;
  params.repetition_penalty = settings.repetition_penalty;
  params.seed = settings.seed;
  return params;
}

// Pieces of an answer on their way out: collected, and shown to the caller.
class Output {
 public:
  explicit Output(const std::function<bool(std::string_view)>& on_text) : on_text_(on_text) {}

  void add(const std::string& piece) {
    text_ += piece;
    if (!piece.empty() && on_text_ && !on_text_(piece)) wanted_ = false;
  }
  bool wanted() const noexcept { return wanted_; }
  std::string text() && { return std::move(text_); }

 private:
  const std::function<bool(std::string_view)>& on_text_;
  std::string text_;
  bool wanted_ = true;
};

}  // namespace

struct LanguageModel::Parts {
  std::filesystem::path folder;
  Tokenizer tokenizer;
  FalconMamba model;
};

LanguageModel LanguageModel::load(const std::string& folder, const LoadOptions& options) {
  const std::filesystem::path path(folder);
  return LanguageModel(std::make_shared<const Parts>(Parts{
      path, Tokenizer::from_file(path / "tokenizer.json"),
      FalconMamba(load_checkpoint(path), open_device(options.device, options.threads), weights_dtype(options.dtype))}));
}

std::vector<int32_t> LanguageModel::encode(std::string_view text) const {
  return parts_->tokenizer.encode(text, true);
}

std::string LanguageModel::decode(std::span<const int32_t> ids) const {
  return parts_->tokenizer.decode(ids, true);
}

std::vector<int32_t> LanguageModel::encode_chat(const std::vector<ChatMessage>& messages) const {
  const ChatTemplate chat = ChatTemplate::of_folder(parts_->folder, parts_->tokenizer);
  return parts_->tokenizer.encode(chat.render(messages, /*add_generation_prompt=*/true), false);
}

int64_t LanguageModel::vocab_size() const noexcept {
  return parts_->model.config().vocab_size;
}

int64_t LanguageModel::parameters() const noexcept {
  return parts_->model.config().parameters();
}

int64_t LanguageModel::state_bytes() const noexcept {
  return parts_->model.config().state_bytes();
}

struct Conversation::Parts {
  explicit Parts(LanguageModel of)
      : model(std::move(of)), workspace(model.parts_->model), session(model.parts_->model, workspace) {}

  const FalconMamba& falcon_mamba() const { return model.parts_->model; }

  LanguageModel model;
  Workspace workspace;
  Session session;
};

Conversation::Conversation(const LanguageModel& model) : parts_(std::make_unique<Parts>(model)) {}
Conversation::Conversation(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Conversation::Conversation(Conversation&&) noexcept = default;
Conversation& Conversation::operator=(Conversation&&) noexcept = default;
Conversation::~Conversation() = default;

void Conversation::append(std::string_view text) {
  append(parts_->model.encode(text));
}

void Conversation::append(std::span<const int32_t> ids) {
  parts_->session.append(ids);
}

std::string Conversation::generate(const GenerationSettings& settings,
                                   const std::function<bool(std::string_view)>& on_text) {
  const ModelConfig& config = parts_->falcon_mamba().config();
  Sampler sampler(sampling_of(settings), config.vocab_size);
  GenerationLimits limits;
  limits.max_tokens = settings.max_tokens;
  if (!settings.ignore_end_of_text) limits.stop_ids = config.eos_token_ids;

  StreamingDetokenizer detokenizer(parts_->model.parts_->tokenizer, /*skip_special_tokens=*/true);
  StopStrings stop(settings.stop);
  Output output(on_text);
  for (int64_t generated = 1; output.wanted() && !stop.found() && settings.max_tokens != 0; ++generated) {
    const int32_t id = parts_->session.next(sampler);
    output.add(stop.push(detokenizer.push(id)));
    if (limits.reached(id, generated)) break;
  }
  if (!stop.found()) output.add(stop.push(detokenizer.flush()) + stop.flush());
  return std::move(output).text();
}

int64_t Conversation::tokens() const noexcept {
  return parts_->session.tokens();
}

Conversation Conversation::fork() const {
  auto parts = std::make_unique<Parts>(parts_->model);
  parts->session = parts_->session.fork(parts->workspace);
  return Conversation(std::move(parts));
}

void Conversation::save(const std::string& path) const {
  parts_->session.save(path);
}

Conversation Conversation::load(const std::string& path, const LanguageModel& model) {
  auto parts = std::make_unique<Parts>(model);
  parts->session = Session::load(path, parts->falcon_mamba(), parts->workspace).session;
  return Conversation(std::move(parts));
}

}  // namespace saker
