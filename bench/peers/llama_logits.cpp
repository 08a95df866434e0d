// Prints what llama.cpp computes for a list of token ids, so that bench/peers-cpu can check that it times the same
// function as Saker: one JSON object with the logits after the last id and the ids chosen greedily from there.
//
//   llama_logits MODEL.gguf 3,1,4,1,5 STEPS
#include <llama.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

std::vector<llama_token> parse_ids(const std::string& text) {
  std::vector<llama_token> ids;
  std::stringstream stream(text);
  for (std::string id; std::getline(stream, id, ',');) ids.push_back(std::stoi(id));
  return ids;
}

// Feeds the ids after those already fed; returns the logits [vocabulary] after the last one.
const float* feed(llama_context* context, std::vector<llama_token>& ids) {
  if (llama_decode(context, llama_batch_get_one(ids.data(), static_cast<int32_t>(ids.size()))) != 0)
    throw std::runtime_error("llama_decode failed");
  return llama_get_logits_ith(context, -1);
}

llama_token largest(const float* logits, int vocabulary) {
  return static_cast<llama_token>(std::max_element(logits, logits + vocabulary) - logits);
}

void run(const char* path, std::vector<llama_token> ids, int steps) {
  llama_log_set(
      [](ggml_log_level level, const char* text, void*) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
      },
      nullptr);
  llama_model* model = llama_model_load_from_file(path, llama_model_default_params());
  if (!model) throw std::runtime_error("the model does not load");
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 4096;
  llama_context* context = llama_init_from_model(model, params);
  if (!context) throw std::runtime_error("no context for this model");
  const int vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));

  const float* logits = feed(context, ids);
  std::printf("{\"logits\": [");
  for (int i = 0; i < vocabulary; ++i) std::printf("%s%.9g", i ? ", " : "", logits[i]);
  std::printf("], \"greedy\": [");
  for (int i = 0; i < steps; ++i) {
    std::vector<llama_token> next = {largest(logits, vocabulary)};
    std::printf("%s%d", i ? ", " : "", next[0]);
    logits = feed(context, next);
  }
  std::printf("]}\n");
  llama_free(context);
  llama_model_free(model);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::fprintf(stderr, "usage: llama_logits MODEL.gguf IDS STEPS\n");
    return 2;
  }
  try {
    run(arguments[1], parse_ids(arguments[2]), std::atoi(arguments[3]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "llama_logits: %s\n", error.what());
    return 1;
  }
}
