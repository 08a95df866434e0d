#include "train/recipe.h"

#include <gtest/gtest.h>

#include "core/temporary_folder.h"
#include "io/read_file.h"

namespace saker {
namespace {

namespace fs = std::filesystem;

const std::string kRecipe = R"([model]
vocab_size = 300
hidden_size = 32
num_hidden_layers = 2

[data]
shards = "shards"

[[stages]]
name = "first"
tokens = "1.5M"
context = 64
mixture = { web = 0.75, code = { weight = 0.25, max_epochs = 4 } }

[decay]
tokens = 250_000
context = 128
form = "1-sqrt"
final_ratio = 0.1
mixture = { web = 1 }

[schedule]
learning_rate = 2e-3
warm_up = "100K"
batch = { from = 2, to = 8, ramp = "500K" }
)";

Recipe parsed(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return parse_recipe(text, "tiny.toml", "folder", overrides);
}

// kRecipe with `more` after it, and with `found` in it replaced.
std::string with(const std::string& more, const std::string& found = "", const std::string& replacement = "") {
  std::string text = kRecipe;
  if (!found.empty()) text.replace(text.find(found), found.size(), replacement);
  return text + more;
}

TEST(Recipe, ReadsWhatItSays) {
  const Recipe recipe = parsed(kRecipe);
  EXPECT_EQ(recipe.model.config.vocab_size, 300);
  EXPECT_EQ(recipe.model.config.d_inner, 64);
  EXPECT_EQ(recipe.model.init, InitScheme::mamba);
  EXPECT_EQ(recipe.data.shards, fs::path("folder/shards"));
  EXPECT_TRUE(recipe.evaluation.shards.empty());
  ASSERT_EQ(recipe.stages.size(), 2u);
  EXPECT_EQ(recipe.stages[0].name, "first");
  EXPECT_EQ(recipe.stages[0].tokens, 1'500'000);
  EXPECT_EQ(recipe.stages[0].mixture.shares.size(), 2u);
  EXPECT_EQ(recipe.stages[0].mixture.shares[0].source, "code");  // by name
  EXPECT_EQ(recipe.stages[0].mixture.shares[0].max_epochs, 4);
  EXPECT_EQ(recipe.stages[1].name, "decay");
  EXPECT_TRUE(recipe.decays);
  EXPECT_EQ(recipe.rate.form, DecayForm::one_minus_sqrt);
  EXPECT_EQ(recipe.rate.warm_up_tokens, 100'000);
  EXPECT_EQ(recipe.batch.from, 2);
  EXPECT_EQ(recipe.optimizer.beta2, 0.95);
  EXPECT_EQ(recipe.plan().decay_begin(), 1'500'032);  // rows of 64
}

TEST(Recipe, OverridesReplaceValues) {
  const Recipe recipe =
      parsed(kRecipe, {"stages.0.tokens=2M", "decay.form=linear", "run.seed=7", "schedule.batch.to=16",
                       "model.init=huggingface", "evaluation.shards=held-out", "evaluation.sources=[\"web\"]"});
  EXPECT_EQ(recipe.stages[0].tokens, 2'000'000);
  EXPECT_EQ(recipe.rate.form, DecayForm::linear);
  EXPECT_EQ(recipe.run.seed, 7u);
  EXPECT_EQ(recipe.batch.to, 16);
  EXPECT_EQ(recipe.evaluation.shards, fs::path("folder/held-out"));
  EXPECT_EQ(recipe.evaluation.sources, std::vector<std::string>{"web"});
  EXPECT_EQ(recipe.model.init, InitScheme::huggingface);
}

TEST(Recipe, DifferencesThatChangeNumbersAreNamed) {
  const auto differing = [](const std::vector<std::string>& overrides) {
    return differing_keys(parsed(kRecipe).tree.root, parsed(kRecipe, overrides).tree.root);
  };
  EXPECT_EQ(
      differing({"checkpoints.every=1M", "evaluation.every=1M", "run.recompute=full", "run.activations=f32", "name=x"}),
      std::vector<std::string>{});
  EXPECT_EQ(differing({"schedule.learning_rate=1e-3", "decay.tokens=1"}),
            (std::vector<std::string>{"decay.tokens", "schedule.learning_rate"}));
}

struct BadRecipe {
  std::string text, words;
};

TEST(Recipe, EveryMistakeIsNamedWithItsPlace) {
  const std::vector<BadRecipe> table{
      {with("[optimiser]\n"), "tiny.toml:26: unknown key \"optimiser\" (did you mean \"optimizer\"?)"},
      {with("", "tokens = \"1.5M\"", "token = 3"), "tiny.toml:9: expected stages.0.tokens"},
      {with("", "context = 64", "context = 64\ncontxt = 3"),
       "tiny.toml:13: unknown key stages.0.\"contxt\" (did you mean \"context\"?)"},
      {with("", "max_epochs", "epochs"), "unknown key stages.0.mixture.code.\"epochs\""},
      {with("", "hidden_size", "hiden_size"), "unknown key model.\"hiden_size\" (did you mean \"hidden_size\"?)"},
      {with("", "\"1.5M\"", "\"1.5Q\""), "tiny.toml:11: expected tokens to be a count"},
      {with("", "\"1.5M\"", "-5"), "expected tokens from 1"},
      {with("", "\"1.5M\"", "1979-05-27"), "found a date or time"},
      {with("", "\"1-sqrt\"", "\"1-sqr\""), "found \"1-sqr\" (did you mean \"1-sqrt\"?)"},
      {with("", "learning_rate = 2e-3", "learning_rate = \"fast\""), "expected learning_rate to be a number"},
      {with("", "{ web = 1 }", "{ }"), "expected decay.mixture to name sources"},
      {with("", "{ web = 1 }", "{ web = -1 }"), "expected web to be a number from 0"},
      {with("", "shards = \"shards\"", ""), "expected data.shards"},
      {with("", "name = \"first\"", "name = \"decay\""), "twice"},
      {with("[model]\n"), "tiny.toml:26:"},
      {with("x = = 3\n"), "tiny.toml:26:"},
      {"", "expected data.shards"},
      {"[data]\nshards = \"x\"\n", "expected [[stages]] or [decay]"},
      {"stages = 3\n[data]\nshards = \"x\"\n", "expected stages to be a list of tables"},
      {"model = 3\n", "expected model to be a table, found an integer"},
      {with("", "vocab_size = 300", "vocab_size = 0"), "vocab_size"},
  };
  for (const BadRecipe& bad : table) {
    const std::string error = error_of([&] { parsed(bad.text); });
    EXPECT_NE(error.find(bad.words), std::string::npos) << bad.words << "\nbut found: " << error;
  }
}

TEST(Recipe, BadOverridesAreNamed) {
  for (const std::string bad : {"x", "=3", "stages.7.tokens=1", "stages..tokens=1", "model.vocab_size.x=1"})
    EXPECT_NE(error_of([&] { parsed(kRecipe, {bad}); }).find("--set"), std::string::npos) << bad;
  const std::string error = error_of([&] { parsed(kRecipe, {"stages.0.tokns=1"}); });
  EXPECT_NE(error.find("--set: unknown key stages.0.\"tokns\" (did you mean \"tokens\"?)"), std::string::npos) << error;
}

TEST(Recipe, TheShippedOnesAreRead) {
  const fs::path folder = fs::path(SAKER_SOURCE_DIR) / "recipes";
  for (const char* name : {"tiny-cpu", "small", "falcon-mamba-7b"})
    EXPECT_GT(load_recipe(folder / (std::string(name) + ".toml"), {}).plan().tokens(), 0) << name;
}

TEST(Recipe, FalconMamba7bIsTheReports) {
  const Recipe recipe = load_recipe(fs::path(SAKER_SOURCE_DIR) / "recipes/falcon-mamba-7b.toml", {});
  EXPECT_EQ(recipe.model.config.parameters(), 7'272'665'088);
  const StepPlan plan = recipe.plan();
  EXPECT_NEAR(static_cast<double>(plan.tokens()), 5.8e12, 1e6);
  const auto rate = [&](int64_t tokens) { return plan.at(tokens)->learning_rate; };
  EXPECT_EQ(plan.at(0)->rows, 128);
  EXPECT_EQ(plan.at(0)->tokens(), 262'144);
  EXPECT_EQ(plan.at(60'000'000'000 / 2048 * 2048)->tokens(), 2048 * 2048);
  EXPECT_EQ(rate(60'000'000'000 / 2048 * 2048), 6.4e-4);
  EXPECT_NEAR(plan.rate().at(plan.tokens()), 2.5e-6, 1e-15);
}

}  // namespace
}  // namespace saker
