// Texts to token shards. The bytes that are written depend on the texts, the tokenizer and the settings alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "data/manifest.h"

namespace saker {

struct PrepareSource {
  std::string name;                           // letters, digits, '.', '-', '_'; begins with none of the last three
  std::vector<std::filesystem::path> inputs;  // as DocumentReader takes them, one after the other
};

struct PrepareJob {
  std::vector<PrepareSource> sources;
  std::filesystem::path tokenizer, out;  // tokenizer.json; a folder, made if absent
  std::string end_of_text = "<|endoftext|>";
  ShardSettings settings;
  int workers = 1;      // threads that tokenize
  bool resume = false;  // goes on behind the last shard that an earlier run finished
  // Called for each line of JSON Lines without a text, which is left out, also of those that an earlier run has read;
  // if empty, such a line ends the work.
  std::function<void(const BadLine&)> skip = {};
  // Called now and then with the bytes of text that are tokens; may throw to end the work.
  std::function<void(int64_t)> progress = [](int64_t) {};
};

struct Prepared {
  Manifest manifest;
  int64_t bytes;  // of text that this run turned into tokens
};

// Texts that are empty are left out. Memory: a shard, and a few megabytes of text per worker or the longest document.
// manifest.json is replaced after every shard, so whatever ends the work (an error, a full disk, a kill), a job with
// `resume` completes it, and all files are then those of an undisturbed run. So they are if the run that a bad line
// ended is completed by one that leaves bad lines out. Throws invalid_argument for names that cannot be, a folder that
// has a manifest already (without `resume`) or that of another job (with it), a source without text; and as
// DocumentReader, Tokenizer, TokenShard and AtomicFile do.
Prepared prepare(const PrepareJob& job);

}  // namespace saker
