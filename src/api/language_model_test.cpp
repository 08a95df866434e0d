#include "saker/language_model.h"

#include <gtest/gtest.h>

#include "core/temporary_folder.h"
#include "model/tiny_model.h"
#include "tokenizer/byte_tokenizer.h"

namespace saker {
namespace {

TEST(LanguageModel, EncodesChatsByTheTemplateOfTheFolder) {
  const TemporaryFolder folder;
  ModelConfig config = tiny_config();
  config.vocab_size = byte_tokenizer_size;
  init_checkpoint(config, 7, folder.path(), {});
  folder.write("tokenizer.json", byte_tokenizer_json(7));
  const LanguageModel model = LanguageModel::load(folder.path().string(), {.dtype = "", .threads = 1});
  EXPECT_EQ(model.decode(model.encode_chat({{"user", "Hi"}})),
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  folder.write("chat_template.jinja", "{{ messages[0].content }}{{ raise_exception('no') if messages | length > 1 }}");
  EXPECT_EQ(model.decode(model.encode_chat({{"user", "Hi"}})), "Hi");
  EXPECT_NE(error_of([&] { model.encode_chat({{"user", "a"}, {"user", "b"}}); }).find("no"), std::string::npos);
}

}  // namespace
}  // namespace saker
