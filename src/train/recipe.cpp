#include "train/recipe.h"

#include <set>

#include "core/nearest_word.h"
#include "io/json.h"
#include "io/read_file.h"
#include "train/recipe_fields.h"

namespace saker {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int64_t kMaxContext = 1 << 24, kMaxBatch = int64_t{1} << 40;

// Keys of [model] that are ours; the others are those of config.json.
const std::vector<std::string> kModelKeys{"init", "seed", "weights", "products", "config"};

std::set<std::string> config_keys() {
  std::set<std::string> keys{"expand"};
  const json all = json::parse(write_config(ModelConfig{}));
  for (const auto& [key, value] : all.items()) keys.insert(key);
  return keys;
}

fs::path path_of(const RecipeFields& fields, const char* key, const fs::path& folder) {
  const std::string text = fields.text(key, "");
  return text.empty() ? fs::path() : folder / text;
}

// The keys of config.json within [model], over those of the file that `config` names.
ModelConfig read_model_config(const RecipeFields& fields, const RecipeTree& tree, const fs::path& file) {
  json config = file.empty() ? json{{"model_type", "falcon_mamba"}}
                             : parse_json(read_file(file), "config", saker::quoted(file.native(), 400));
  const std::set<std::string> known = config_keys();
  for (const std::string& key : fields.keys())
    if (known.contains(key)) config[key] = *fields.find(key.c_str());
  fields.refuse_others({known.begin(), known.end()});
  const ModelConfig parsed = parse_config(config.dump(), tree.where("model"));
  parsed.validate();
  return parsed;
}

ModelRecipe read_model(const RecipeFields& fields, const RecipeTree& tree, const fs::path& folder) {
  ModelRecipe model;
  model.init = *init_scheme_from_name(fields.choice("init", {"mamba", "huggingface"}));
  model.seed = static_cast<uint64_t>(fields.integer("seed", 0, 0, std::numeric_limits<int64_t>::max()));
  model.dtype = *dtype_from_name(fields.choice("products", {"f32", "bf16"}));
  model.weights = path_of(fields, "weights", folder);
  const fs::path file = path_of(fields, "config", folder);
  if (model.weights.empty()) {
    model.config = read_model_config(fields, tree, file);
    return model;
  }
  fields.refuse_others();
  model.config = load_config(model.weights);
  return model;
}

DataRecipe read_data(const RecipeFields& fields, const fs::path& folder) {
  DataRecipe data;
  data.shards = path_of(fields, "shards", folder);
  data.tokenizer = path_of(fields, "tokenizer", folder);
  data.packing = fields.choice("packing", {"packed", "carried"}) == "packed" ? Packing::packed : Packing::carried;
  data.reset = fields.boolean("reset", true);
  data.long_document_tokens = fields.count("long_document_tokens", data.long_document_tokens, 1);
  if (data.shards.empty()) fields.refuse("shards", "expected data.shards, the folder that saker data prepare made");
  fields.refuse_others();
  return data;
}

MixtureShare read_share(const RecipeFields& mixture, const std::string& source) {
  MixtureShare share;
  share.source = source;
  if (!mixture.find(source.c_str())->is_object()) {
    share.weight = mixture.number(source.c_str(), 1.0, 0.0, 1e9);
    return share;
  }
  const RecipeFields fields = mixture.table(source.c_str());
  share.weight = fields.number("weight", 1.0, 0.0, 1e9);
  share.max_epochs = fields.number("max_epochs", 0.0, 0.0, 1e6);
  share.long_share = fields.has("long_share") ? fields.number("long_share", 0.0, 0.0, 1.0) : -1.0;
  fields.refuse_others();
  return share;
}

StageRecipe read_stage(const RecipeFields& fields, const std::string& name, int64_t long_document_tokens) {
  StageRecipe stage;
  stage.mixture.long_document_tokens = long_document_tokens;
  stage.name = fields.text("name", name);
  stage.tokens = fields.count("tokens", 0, 1);
  stage.context = fields.integer("context", 0, 1, kMaxContext);
  if (stage.tokens == 0) fields.refuse("tokens", "expected {}.tokens", fields.path());
  if (stage.context == 0) fields.refuse("context", "expected {}.context", fields.path());
  const RecipeFields mixture = fields.table("mixture");
  double weights = 0.0;
  for (const std::string& source : mixture.keys()) {
    stage.mixture.shares.push_back(read_share(mixture, source));
    weights += stage.mixture.shares.back().weight;
  }
  if (weights <= 0.0)
    fields.refuse("mixture", "expected {}.mixture to name sources with weights, such as {{ web = 0.8, code = 0.2 }}",
                  fields.path());
  return stage;
}

void read_stages(const RecipeFields& root, Recipe& recipe) {
  for (const RecipeFields& fields : root.tables("stages")) {
    recipe.stages.push_back(
        read_stage(fields, fmt::format("stage-{}", recipe.stages.size() + 1), recipe.data.long_document_tokens));
    fields.refuse_others();
  }
  if (root.has("decay")) {
    const RecipeFields fields = root.table("decay");
    recipe.decays = true;
    recipe.stages.push_back(read_stage(fields, "decay", recipe.data.long_document_tokens));
    recipe.rate.form = *decay_form_from_name(fields.choice("form", {"exponential", "linear", "1-sqrt", "cosine"}));
    recipe.rate.final_ratio = fields.number("final_ratio", 1.0 / 256, 0.0, 1.0);
    if (recipe.rate.final_ratio == 0.0 && recipe.rate.form == DecayForm::exponential)
      fields.refuse("final_ratio", "expected final_ratio above 0 for an exponential decay, found 0");
    fields.refuse_others();
  }
  if (recipe.stages.empty()) root.refuse("stages", "expected [[stages]] or [decay], found neither");
}

void read_schedule(const RecipeFields& fields, Recipe& recipe) {
  recipe.rate.peak = fields.number("learning_rate", 1e-3, 0.0, 1e3);
  recipe.rate.warm_up_tokens = fields.count("warm_up", 0);
  const RecipeFields batch = fields.table("batch");
  recipe.batch.unit = batch.choice("unit", {"sequences", "tokens"}) == "tokens" ? BatchSizeSchedule::Unit::tokens
                                                                                : BatchSizeSchedule::Unit::sequences;
  recipe.batch.to = batch.count("to", 8, 1);
  recipe.batch.from = batch.count("from", recipe.batch.to, 1);
  recipe.batch.ramp_tokens = batch.count("ramp", 0);
  recipe.batch.scale_learning_rate = batch.boolean("scale_learning_rate", true);
  for (const char* key : {"from", "to"})
    if (batch.count(key, 1) > kMaxBatch) batch.refuse(key, "expected a batch of at most {}", kMaxBatch);
  batch.refuse_others();
  fields.refuse_others();
}

OptimizerSettings read_optimizer(const RecipeFields& fields) {
  OptimizerSettings settings;
  settings.beta1 = fields.number("beta1", settings.beta1, 0.0, 0.999999);
  settings.beta2 = fields.number("beta2", settings.beta2, 0.0, 0.999999999);
  settings.eps = fields.number("eps", settings.eps, 1e-30, 1.0);
  settings.weight_decay = fields.number("weight_decay", settings.weight_decay, 0.0, 1e3);
  settings.clip_norm = fields.number("clip_norm", settings.clip_norm, 0.0, 1e9);
  settings.z_loss = fields.number("z_loss", settings.z_loss, 0.0, 1e3);
  settings.masters = fields.choice("masters", {"f32", "split"}) == "f32" ? MasterFormat::f32 : MasterFormat::split;
  settings.moments = fields.choice("moments", {"f32", "8-bit"}) == "f32" ? MomentFormat::f32 : MomentFormat::eight_bit;
  fields.refuse_others();
  return settings;
}

SpikeSettings read_spikes(const RecipeFields& fields) {
  SpikeSettings settings;
  settings.window = fields.integer("window", settings.window, 2, 1 << 20);
  settings.z_score = fields.number("z_score", settings.z_score, 0.0, 1e6);
  settings.skip = fields.choice("action", {"skip", "log"}) == "skip";
  settings.max_in_a_row = fields.integer("max_in_a_row", settings.max_in_a_row, 1, 1 << 20);
  fields.refuse_others();
  return settings;
}

EvaluationRecipe read_evaluation(const RecipeFields& fields, const fs::path& folder) {
  EvaluationRecipe evaluation;
  for (const std::string& file : fields.texts("files")) evaluation.files.push_back(folder / file);
  evaluation.shards = path_of(fields, "shards", folder);
  evaluation.sources = fields.texts("sources");
  evaluation.every_tokens = fields.count("every", 0);
  evaluation.max_tokens = fields.count("max_tokens", 0);
  fields.refuse_others();
  return evaluation;
}

CheckpointRecipe read_checkpoints(const RecipeFields& fields) {
  CheckpointRecipe checkpoints;
  checkpoints.every_tokens = fields.count("every", 0);
  checkpoints.keep = fields.integer("keep", checkpoints.keep, 1, 1 << 20);
  checkpoints.asynchronous = fields.boolean("asynchronous", true);
  checkpoints.export_model = fields.boolean("export", false);
  checkpoints.export_dtype = *dtype_from_name(fields.choice("export_dtype", {"f32", "bf16", "f16"}));
  fields.refuse_others();
  return checkpoints;
}

RunRecipe read_run(const RecipeFields& fields) {
  RunRecipe run;
  run.seed = static_cast<uint64_t>(fields.integer("seed", 0, 0, std::numeric_limits<int64_t>::max()));
  run.recompute = recompute_named(fields.choice("recompute", {kRecomputeNames.begin(), kRecomputeNames.end()}));
  run.f32_activations = fields.choice("activations", {"auto", "f32"}) == "f32";
  run.micro_batch_tokens = fields.count("micro_batch_tokens", 0);
  fields.refuse_others();
  return run;
}

// Two stages of one name could not be told apart in logs.
void check_names(const RecipeFields& root, const Recipe& recipe) {
  std::set<std::string> names;
  for (const StageRecipe& stage : recipe.stages)
    if (!names.insert(stage.name).second)
      root.refuse("stages", "expected names of stages to differ, found {} twice", saker::quoted(stage.name));
}

// Rows that go on in the next batch must all be there.
void check_carried(const RecipeFields& root, const Recipe& recipe) {
  const BatchSizeSchedule& batch = recipe.batch;
  if (recipe.data.packing == Packing::carried &&
      (batch.unit != BatchSizeSchedule::Unit::sequences || batch.from != batch.to))
    root.refuse("schedule", "expected a batch of one number of sequences, for data.packing is \"carried\"");
}

Recipe read_recipe(RecipeTree tree, const fs::path& folder) {
  Recipe recipe;
  recipe.tree = std::move(tree);
  const RecipeFields root(recipe.tree);
  recipe.name = root.text("name", "");
  recipe.model = read_model(root.table("model"), recipe.tree, folder);
  recipe.data = read_data(root.table("data"), folder);
  read_stages(root, recipe);
  read_schedule(root.table("schedule"), recipe);
  recipe.optimizer = read_optimizer(root.table("optimizer"));
  if (recipe.optimizer.masters == MasterFormat::split && recipe.model.dtype != DType::bf16)
    root.table("optimizer")
        .refuse("masters", "expected split masters with model.products = bf16 alone, found {}",
                name(recipe.model.dtype));
  recipe.spikes = read_spikes(root.table("spikes"));
  recipe.evaluation = read_evaluation(root.table("evaluation"), folder);
  recipe.checkpoints = read_checkpoints(root.table("checkpoints"));
  recipe.run = read_run(root.table("run"));
  root.refuse_others();
  check_names(root, recipe);
  check_carried(root, recipe);
  return recipe;
}

// "stages.0.tokens" for every value in which the trees differ.
void collect_differences(const json& a, const json& b, const std::string& path, std::vector<std::string>& out) {
  if (a == b) return;
  if (!a.is_object() || !b.is_object()) return out.push_back(path);
  std::set<std::string> keys;
  for (const json* side : {&a, &b})
    for (const auto& [key, value] : side->items()) keys.insert(key);
  for (const std::string& key : keys) {
    const json none;
    collect_differences(a.contains(key) ? a[key] : none, b.contains(key) ? b[key] : none,
                        path.empty() ? key : fmt::format("{}.{}", path, key), out);
  }
}

// What changes no number of the run. Whether the shards are the same is for the data's position to tell.
json essentials(json root) {
  if (root.contains("data"))
    for (const char* key : {"shards", "tokenizer"}) root["data"].erase(key);
  for (const char* key : {"name", "evaluation", "checkpoints"}) root.erase(key);
  if (root.contains("run")) {
    for (const char* key : {"recompute", "activations"}) root["run"].erase(key);
    if (root["run"].empty()) root.erase("run");
  }
  return root;
}

}  // namespace

StepPlan Recipe::plan() const {
  std::vector<StageSpan> spans;
  for (const StageRecipe& stage : stages) spans.push_back({stage.tokens, stage.context});
  return StepPlan(spans, decays, rate, batch, data.packing == Packing::carried ? batch.to : 1);
}

Recipe parse_recipe(std::string_view toml, const std::string& from, const fs::path& folder,
                    const std::vector<std::string>& overrides) {
  RecipeTree tree = parse_recipe_tree(toml, from);
  for (const std::string& assignment : overrides) override_value(tree, assignment);
  return read_recipe(std::move(tree), folder);
}

Recipe load_recipe(const fs::path& path, const std::vector<std::string>& overrides) {
  constexpr uint64_t kMaxBytes = 1 << 20;
  Recipe recipe =
      parse_recipe(read_file(path, kMaxBytes), saker::quoted(path.native(), 400), path.parent_path(), overrides);
  if (recipe.name.empty()) recipe.name = path.stem().string();
  return recipe;
}

std::vector<std::string> differing_keys(const json& a, const json& b) {
  std::vector<std::string> out;
  collect_differences(essentials(a), essentials(b), "", out);
  return out;
}

}  // namespace saker
