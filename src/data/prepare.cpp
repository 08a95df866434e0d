#include "data/prepare.h"

#include <algorithm>
#include <future>
#include <set>

#include "core/error.h"
#include "data/documents.h"
#include "data/token_shard.h"
#include "io/atomic_file.h"
#include "io/atomic_folder.h"
#include "io/checksum.h"
#include "io/file_handle.h"
#include "io/read_file.h"
#include "tokenizer/tokenizer.h"

namespace saker {

namespace {

namespace fs = std::filesystem;

// Documents that go through the tokenizer together.
struct Block {
  std::string text;
  std::vector<size_t> ends;  // of the documents in the text
};

std::vector<std::string_view> documents_of(const Block& block) {
  std::vector<std::string_view> documents;
  size_t begin = 0;
  for (const size_t end : block.ends) {
    documents.push_back(std::string_view(block.text).substr(begin, end - begin));
    begin = end;
  }
  return documents;
}

// The documents of a source, block after block.
class BlockReader {
 public:
  // `done`: documents that are in shards already.
  BlockReader(const PrepareSource& source, const PrepareJob& job, int64_t done)
      : inputs_(source.inputs), settings_(job.settings), done_(done) {
    if (job.skip)
      skip_ = [this, &job](const BadLine& bad) {
        ++skipped_[bad.fault];
        job.skip(bad);
      };
  }
  BlockReader(const BlockReader&) = delete;

  // At least `size` bytes, less only at the end; empty behind it.
  Block next(size_t size) {
    Block block;
    std::string_view text;
    while (block.text.size() < size && next_document(text)) {
      if (text.empty()) continue;
      if (done_ > 0) {
        --done_;
        continue;
      }
      block.text += text;
      block.ends.push_back(block.text.size());
    }
    return block;
  }

  // Up to here.
  const LineFaultCounts& skipped() const noexcept { return skipped_; }

 private:
  bool next_document(std::string_view& text) {
    for (;;) {
      if (!reader_) {
        if (input_ == inputs_.size()) return false;
        reader_ = std::make_unique<DocumentReader>(inputs_[input_++], settings_.text_field, skip_);
        bytes_ = 0;
      }
      const bool enough = settings_.max_bytes > 0 && bytes_ >= settings_.max_bytes;
      if (!enough && reader_->next(text)) {
        bytes_ += static_cast<int64_t>(text.size());
        return true;
      }
      reader_.reset();
    }
  }

  const std::vector<fs::path>& inputs_;
  const ShardSettings& settings_;
  int64_t done_;
  std::function<void(const BadLine&)> skip_;
  LineFaultCounts skipped_;
  size_t input_ = 0;
  int64_t bytes_ = 0;  // of this input
  std::unique_ptr<DocumentReader> reader_;
};

bool is_source_name(const std::string& name) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && is_plain(name[0]) &&
         std::ranges::all_of(name, [&](char c) { return is_plain(c) || c == '.' || c == '-' || c == '_'; });
}

InputEntry describe(const fs::path& input) {
  if (input == "-") return {"-", 0};
  return {input.filename().string(), static_cast<int64_t>(open_for_reading(input).bytes)};
}

// The manifest of the job before the first shard.
Manifest describe(const PrepareJob& job, const Tokenizer& tokenizer, std::string_view tokenizer_json) {
  const std::optional<int32_t> end_of_text = tokenizer.token_to_id(job.end_of_text);
  SAKER_CHECK(end_of_text, ErrorCode::invalid_argument,
              "[prepare] {}: expected the token {} that ends a text, found none; --end-of-text names another",
              job.tokenizer.string(), saker::quoted(job.end_of_text));
  Manifest manifest{checksum(std::as_bytes(std::span(tokenizer_json))),
                    static_cast<int64_t>(tokenizer.vocab_size()),
                    *end_of_text,
                    job.settings,
                    {}};
  std::set<std::string> names, inputs;
  for (const PrepareSource& source : job.sources) {
    SAKER_CHECK(is_source_name(source.name) && names.insert(source.name).second, ErrorCode::invalid_argument,
                "[prepare] expected names of sources with letters, digits, '.', '-' and '_', each once, found {}; "
                "NAME=FILE names a source",
                saker::quoted(source.name));
    manifest.sources.push_back({source.name, {}, false, {}});
    for (const fs::path& input : source.inputs) {
      SAKER_CHECK(inputs.insert(input.string()).second, ErrorCode::invalid_argument,
                  "[prepare] expected each input once, found {} twice", saker::quoted(input.string()));
      manifest.sources.back().inputs.push_back(describe(input));
    }
  }
  return manifest;
}

// What differs between the job and the one that wrote `found`; nothing: empty.
std::string difference(const Manifest& job, const Manifest& found) {
  if (job.tokenizer != found.tokenizer || job.end_of_text != found.end_of_text) return "another tokenizer";
  if (job.settings != found.settings)
    return fmt::format("--text-field {} --shard-tokens {} --max-bytes {}", found.settings.text_field,
                       found.settings.shard_tokens, found.settings.max_bytes);
  if (job.sources.size() != found.sources.size()) return fmt::format("{} sources", found.sources.size());
  for (size_t i = 0; i < job.sources.size(); ++i) {
    const SourceEntry &ours = job.sources[i], &theirs = found.sources[i];
    if (ours.name != theirs.name) return fmt::format("the source {}", saker::quoted(theirs.name));
    if (ours.inputs != theirs.inputs)
      return fmt::format("other files, or files of other sizes, of {}", saker::quoted(ours.name));
  }
  return {};
}

// What an earlier run of the same job finished.
Manifest resumed(const Manifest& job, const fs::path& folder) {
  Manifest found = read_manifest(folder);
  const std::string other = difference(job, found);
  SAKER_CHECK(other.empty(), ErrorCode::invalid_argument,
              "[prepare] {}: expected the job that its manifest.json began with, found that it was made with {}",
              folder.string(), other);
  for (const SourceEntry& source : found.sources)
    for (const ShardEntry& shard : source.shards) TokenShard(folder, found, shard).verify();
  return found;
}

// An empty folder with the tokenizer, or what is there already.
Manifest open_folder(const PrepareJob& job, const Manifest& manifest, std::string_view tokenizer_json) {
  std::error_code error;
  fs::create_directories(job.out, error);
  SAKER_CHECK(!error, ErrorCode::io, "[prepare] {} cannot be made: {}", job.out.string(), error.message());
  if (has_manifest(job.out)) {
    SAKER_CHECK(job.resume, ErrorCode::invalid_argument,
                "[prepare] {}: expected a folder without manifest.json, found one; --resume goes on with it, "
                "another --out begins anew",
                job.out.string());
    Manifest found = resumed(manifest, job.out);
    remove_unfinished(job.out);
    return found;
  }
  replace_file(job.out / "tokenizer.json", tokenizer_json);
  write_manifest(job.out, manifest);
  return manifest;
}

class Preparation {
 public:
  Preparation(const PrepareJob& job, const Tokenizer& tokenizer, Manifest manifest)
      : job_(job), tokenizer_(tokenizer), manifest_(std::move(manifest)), shard_(manifest_.token_bytes()) {}

  Prepared run() {
    for (size_t i = 0; i < job_.sources.size(); ++i)
      if (!manifest_.sources[i].complete) prepare_source(job_.sources[i], manifest_.sources[i]);
    return {manifest_, bytes_};
  }

 private:
  // This thread reads, decompresses and parses the next block, a small share of the time that tokenizing the last one
  // takes; here a signal ends a read that waits for a slow pipe.
  void prepare_source(const PrepareSource& source, SourceEntry& entry) {
    const size_t size = kBlockBytes * static_cast<size_t>(job_.workers);
    BlockReader reader(source, job_, entry.documents());
    for (Block block = reader.next(size), next; !block.ends.empty(); block = std::move(next)) {
      std::future<void> adding = std::async(std::launch::async, [&] { add(block, entry); });
      next = reader.next(size);
      adding.get();
      job_.progress(bytes_);
    }
    // An interrupt that ended the program at the other end of a pipe is no end of the text.
    job_.progress(bytes_);
    if (shard_.documents() > 0) finish_shard(entry);
    SAKER_CHECK(entry.documents() > 0, ErrorCode::invalid_argument, "[prepare] {}: expected text, found none",
                saker::quoted(source.name));
    entry.complete = true;
    entry.skipped_lines = reader.skipped();
    write_manifest(job_.out, manifest_);
  }

  void add(const Block& block, SourceEntry& entry) {
    const std::vector<std::string_view> documents = documents_of(block);
    const auto ids = tokenizer_.encode_batch(documents, /*add_special_tokens=*/false, job_.workers);
    for (size_t i = 0; i < documents.size(); ++i) {
      SAKER_CHECK(std::ranges::all_of(ids[i], [&](int32_t id) { return id < manifest_.vocab_size; }),
                  ErrorCode::unsupported, "[prepare] {}: expected ids below the number of tokens, {}, found gaps",
                  job_.tokenizer.string(), manifest_.vocab_size);
      shard_.add(ids[i], static_cast<int64_t>(documents[i].size()));
      bytes_ += static_cast<int64_t>(documents[i].size());
      if (shard_.tokens() >= job_.settings.shard_tokens) finish_shard(entry);
    }
  }

  void finish_shard(SourceEntry& entry) {
    const std::string file = fmt::format("{}-{:05}.tokens", entry.name, entry.shards.size());
    entry.shards.push_back(shard_.write(job_.out, file, manifest_.tokenizer));
    write_manifest(job_.out, manifest_);
  }

  static constexpr size_t kBlockBytes = 2 << 20;

  const PrepareJob& job_;
  const Tokenizer& tokenizer_;
  Manifest manifest_;
  ShardBuilder shard_;
  int64_t bytes_ = 0;
};

}  // namespace

Prepared prepare(const PrepareJob& job) {
  const std::string tokenizer_json = read_file(job.tokenizer);
  const Tokenizer tokenizer = Tokenizer::from_file(job.tokenizer);
  const Manifest manifest = describe(job, tokenizer, tokenizer_json);
  return Preparation(job, tokenizer, open_folder(job, manifest, tokenizer_json)).run();
}

}  // namespace saker
