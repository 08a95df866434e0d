// Continues a prompt twice from one state: read once, forked, continued with two seeds.
//   generate MODEL_FOLDER PROMPT

#include <saker/language_model.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: generate MODEL_FOLDER PROMPT\n";
    return 2;
  }
  try {
    const auto model = saker::LanguageModel::load(argv[1]);
    std::cerr << model.parameters() << " parameters, " << model.state_bytes() << " bytes of state a conversation\n";

    saker::Conversation first(model);
    first.append(argv[2]);
    saker::Conversation second = first.fork();

    const auto print = [](std::string_view text) {
      std::cout << text << std::flush;
      return true;
    };
    std::cout << argv[2];
    first.generate({.max_tokens = 40, .temperature = 0.8, .seed = 1}, print);
    std::cout << "\n---\n" << argv[2];
    second.generate({.max_tokens = 40, .temperature = 0.8, .seed = 2}, print);
    std::cout << "\n";
  } catch (const saker::Error& error) {
    std::cerr << "generate: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
