#include "data/batch_loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "data/test_dataset.h"

namespace saker {
namespace {

std::vector<int64_t> lengths(size_t documents, int64_t least, int64_t most) {
  std::vector<int64_t> out;
  for (size_t i = 0; i < documents; ++i)
    out.push_back(least + static_cast<int64_t>(i * 7919 % static_cast<size_t>(most - least + 1)));
  return out;
}

const Mixture kMixture{{{"web", 0.7, 0.0, -1.0}, {"code", 0.3, 0.0, -1.0}}, 40};
const Mixture kLongMixture{{{"code", 1.0, 0.0, -1.0}, {"web", 2.0, 0.0, 0.6}}, 40};

class BatchLoaderTest : public testing::Test {
 protected:
  BatchLoaderTest() {
    TestSources sources{{"web", lengths(60, 0, 70)}, {"code", lengths(25, 3, 30)}};
    write_test_dataset(folder_, sources);
    dataset_ = std::make_unique<TokenDataset>(folder_.path());
  }

  BatchLoader loader(bool carried = false, const Mixture& mixture = kMixture, int64_t context = 16) const {
    BatchLoader out(*dataset_, 5, carried);
    out.set_stage(mixture, context);
    return out;
  }

  const TemporaryFolder folder_;
  std::unique_ptr<TokenDataset> dataset_;
};

bool operator==(const Piece& a, const Piece& b) {
  return a.begin == b.begin && a.length == b.length && a.row == b.row && a.source == b.source &&
         a.document == b.document && a.continues == b.continues && a.unfinished == b.unfinished;
}

void expect_equal(const Batch& a, const Batch& b) {
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.context, b.context);
  EXPECT_EQ(a.ids, b.ids);
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_TRUE(std::ranges::equal(a.pieces, b.pieces, [](const Piece& x, const Piece& y) { return x == y; }));
}

// Every piece against the documents, followed from lane to lane.
class Follower {
 public:
  Follower(const TokenDataset& dataset, bool carried) : dataset_(dataset), carried_(carried) {}

  void follow(const Batch& batch) {
    int64_t filled = 0;
    for (const Piece& piece : batch.pieces) {
      ASSERT_EQ(piece.begin, filled);
      filled += piece.length;
      ASSERT_EQ(piece.begin / batch.context, piece.row);
      ASSERT_EQ((filled - 1) / batch.context, piece.row);
      check(batch, piece);
    }
    EXPECT_EQ(filled, batch.rows * batch.context);
    rows_ += batch.rows;
  }

  std::vector<std::pair<int32_t, int64_t>> begun;  // documents, in order
  int64_t finished = 0;

 private:
  void check(const Batch& batch, const Piece& piece) {
    // 0: no document is open.
    int64_t& offset = offsets_[carried_ ? piece.row : (rows_ + piece.row) % BatchLoader::kPackedLanes];
    EXPECT_EQ(piece.continues, offset > 0);
    if (offset == 0) begun.emplace_back(piece.source, piece.document);
    const DocumentTokens tokens = dataset_.tokens(piece.source, piece.document);
    for (int64_t i = 0; i < piece.length; ++i, ++offset) {
      const auto at = static_cast<size_t>(piece.begin + i);
      ASSERT_LE(offset, tokens.size());
      EXPECT_EQ(batch.ids[at], offset == 0 ? kTestEndOfText : tokens[offset - 1]);
      EXPECT_EQ(batch.labels[at], offset == tokens.size() ? kTestEndOfText : tokens[offset]);
    }
    EXPECT_EQ(piece.unfinished, offset <= tokens.size());
    if (piece.unfinished) {
      EXPECT_EQ((piece.begin + piece.length) % batch.context, 0);
      return;
    }
    offset = 0;
    ++finished;
  }

  const TokenDataset& dataset_;
  bool carried_;
  int64_t rows_ = 0;
  std::map<int64_t, int64_t> offsets_;  // by lane
};

TEST_F(BatchLoaderTest, DocumentsComeWholeWithTheirLabels) {
  for (const bool carried : {false, true}) {
    for (const int64_t context : {1, 5, 16, 200}) {
      BatchLoader from = loader(carried, kMixture, context);
      Follower follower(*dataset_, carried);
      for (int step = 0; step < 800; ++step) follower.follow(from.next(3));
      EXPECT_GT(follower.finished, 0);
    }
  }
}

TEST_F(BatchLoaderTest, RowsDoNotDependOnTheirNumber) {
  BatchLoader one = loader(), many = loader();
  for (const int64_t rows : {1, 2, 5, 3, 8}) {
    Batch joined{0, 16, {}, {}, {}};
    for (int64_t row = 0; row < rows; ++row) {
      Batch single = one.next(1);
      joined.ids.insert(joined.ids.end(), single.ids.begin(), single.ids.end());
      joined.labels.insert(joined.labels.end(), single.labels.begin(), single.labels.end());
      for (Piece piece : single.pieces) {
        piece.begin += 16 * row;
        piece.row += row;
        joined.pieces.push_back(piece);
      }
      ++joined.rows;
    }
    expect_equal(joined, many.next(rows));
  }
  EXPECT_EQ(one.position(), many.position());
}

TEST_F(BatchLoaderTest, RanksShareTheRowsOfAStep) {
  for (const bool carried : {false, true}) {
    BatchLoader alone = loader(carried);
    std::vector<BatchLoader> ranks;
    for (int64_t rank = 0; rank < 3; ++rank) {
      ranks.emplace_back(*dataset_, 5, carried, rank, 3);
      ranks.back().set_stage(kMixture, 16);
    }
    for (int step = 0; step < 10; ++step) {
      const Batch all = alone.next(6);
      for (size_t rank = 0; rank < 3; ++rank) {
        const Batch mine = ranks[rank].next(6);
        ASSERT_EQ(mine.rows, 2);
        for (size_t row = 0; row < 2; ++row)
          for (size_t t = 0; t < 16; ++t) {
            EXPECT_EQ(mine.ids[row * 16 + t], all.ids[(3 * row + rank) * 16 + t]);
            EXPECT_EQ(mine.labels[row * 16 + t], all.labels[(3 * row + rank) * 16 + t]);
          }
        EXPECT_EQ(ranks[rank].position(), alone.position());
      }
    }
    EXPECT_NE(error_of([&] { ranks[0].next(4); }), "");
  }
}

// Of the documents begun, so that those in hand do not blur it.
TEST_F(BatchLoaderTest, TokensFollowTheShares) {
  BatchLoader from = loader(false, kLongMixture);
  int64_t all = 0, web = 0, web_long = 0, delivered = 0;
  for (int step = 1; step <= 300; ++step) {
    for (const Piece& piece : from.next(4).pieces) {
      if (piece.source == 0) delivered += piece.length;
      if (piece.continues) continue;
      const int64_t length = dataset_->length(piece.source, piece.document);
      all += length + 1;
      if (piece.source != 0) continue;
      web += length + 1;
      if (length > 40) web_long += length + 1;
    }
    EXPECT_EQ(from.delivered(0) + from.delivered(1), 64 * step);
    EXPECT_EQ(from.delivered(0), delivered);
    // A lag is less than a document, and three parts lag behind each other.
    EXPECT_NEAR(static_cast<double>(web), static_cast<double>(all) * 2.0 / 3.0, 2 * 71);
    EXPECT_NEAR(static_cast<double>(web_long), static_cast<double>(all) * 2.0 / 3.0 * 0.6, 2 * 71);
  }
}

TEST_F(BatchLoaderTest, LongSharesHoldAsTheContextGrows) {
  BatchLoader from = loader(false, kLongMixture, 8);
  for (const int64_t context : {8, 64, 512}) {
    from.set_stage(kLongMixture, context);
    int64_t of_long = 0, all = 0;
    for (int64_t row = 0; row < 16384 / context; ++row)
      for (const Piece& piece : from.next(1).pieces) {
        all += piece.length;
        if (piece.source == 0 && dataset_->length(0, piece.document) > 40) of_long += piece.length;
      }
    EXPECT_NEAR(static_cast<double>(of_long) / static_cast<double>(all), 0.4, 0.02) << context;
  }
}

TEST_F(BatchLoaderTest, AnEpochHasEveryDocumentOnce) {
  for (const bool carried : {false, true}) {
    const Mixture web{{{"web", 1.0, 0.0, -1.0}}, 40};
    BatchLoader from = loader(carried, web, 1);
    Follower follower(*dataset_, carried);
    while (follower.begun.size() < 120) follower.follow(from.next(1));
    const std::vector first(follower.begun.begin(), follower.begun.begin() + 60);
    const std::vector second(follower.begun.begin() + 60, follower.begun.begin() + 120);
    EXPECT_EQ(std::set(first.begin(), first.end()).size(), 60u);
    EXPECT_EQ(std::set(second.begin(), second.end()).size(), 60u);
    EXPECT_NE(first, second);
  }
}

// A step whose rows are parts of one document is a poor sample of the mixture.
TEST_F(BatchLoaderTest, RowsOfAStepAreOfDifferentDocuments) {
  const TemporaryFolder folder;
  write_test_dataset(folder, {{"web", std::vector<int64_t>(200, 1000)}, {"code", std::vector<int64_t>(200, 1000)}});
  const TokenDataset dataset(folder.path());
  BatchLoader from(dataset, 5, false);
  from.set_stage(kMixture, 16);
  for (int step = 0; step < 5; ++step) {
    std::set<std::pair<int32_t, int64_t>> documents;
    for (const Piece& piece : from.next(BatchLoader::kPackedLanes).pieces)
      documents.emplace(piece.source, piece.document);
    EXPECT_EQ(static_cast<int64_t>(documents.size()), BatchLoader::kPackedLanes);
  }
}

// Stages in any order: no document twice before its epoch ends.
TEST_F(BatchLoaderTest, StagesGoOnWhereTheLastOneWas) {
  const TemporaryFolder folder;
  write_test_dataset(folder, {{"web", lengths(600, 0, 70)}, {"code", lengths(250, 3, 30)}});
  const TokenDataset dataset(folder.path());
  BatchLoader from(dataset, 5, false);
  Follower follower(dataset, false);
  for (int stage = 0; stage < 6; ++stage) {
    from.set_stage(stage % 2 ? kLongMixture : kMixture, stage % 2 ? 32 : 16);
    for (int step = 0; step < 8; ++step) follower.follow(from.next(stage % 2 ? 4 : 8));
  }
  EXPECT_GT(follower.begun.size(), 150u);
  EXPECT_EQ(std::set(follower.begun.begin(), follower.begun.end()).size(), follower.begun.size());
}

TEST_F(BatchLoaderTest, ARestoredLoaderGoesOn) {
  for (const bool carried : {false, true}) {
    BatchLoader whole = loader(carried);
    for (int step = 0; step < 30; ++step) {
      const Mixture& mixture = step < 15 ? kMixture : kLongMixture;
      const int64_t context = step < 15 ? 16 : 48;
      BatchLoader restored(*dataset_, 5, carried);
      const nlohmann::json position = nlohmann::json::parse(whole.position().dump());
      if (step % 2) restored.set_stage(mixture, context);  // before or after: it does not matter
      restored.restore(position);
      restored.set_stage(mixture, context);
      whole.set_stage(mixture, context);
      EXPECT_EQ(restored.position(), whole.position());
      BatchLoader copy = restored;
      for (int ahead = 0; ahead < 2; ++ahead) copy.next(4);
      expect_equal(restored.next(4), whole.next(4));
    }
  }
}

TEST_F(BatchLoaderTest, CarriedRowsGoOnInTheirLane) {
  BatchLoader from = loader(true);
  const Batch first = from.next(4), second = from.next(4);
  int cut = 0;
  for (const Piece& piece : first.pieces) {
    if (!piece.unfinished) continue;
    ++cut;
    const auto next = std::ranges::find(second.pieces, piece.row * 16, &Piece::begin);
    EXPECT_EQ(next->document, piece.document);
    EXPECT_EQ(next->source, piece.source);
    EXPECT_TRUE(next->continues);
  }
  EXPECT_GT(cut, 0);
  EXPECT_NE(error_of([&] { from.next(3); }).find("at least the 4 rows"), std::string::npos);
  EXPECT_EQ(from.next(6).rows, 6);
}

TEST_F(BatchLoaderTest, PositionsOfOtherRunsAreRefused) {
  BatchLoader from = loader();
  from.next(3);
  const nlohmann::json position = from.position();
  const auto error = [&](BatchLoader into, const nlohmann::json& saved) {
    return error_of([&] { into.restore(saved); });
  };
  EXPECT_EQ(error(loader(), position), "");
  EXPECT_NE(error(loader(true), position).find("found other data or settings"), std::string::npos);
  EXPECT_NE(error(BatchLoader(*dataset_, 6, false), position).find("found other data or settings"), std::string::npos);
  const TemporaryFolder folder;
  write_test_dataset(folder, {{"web", {1, 2}}, {"code", {3}}});
  const TokenDataset other(folder.path());
  EXPECT_NE(error(BatchLoader(other, 5, false), position).find("found other data or settings"), std::string::npos);
}

TEST_F(BatchLoaderTest, BrokenPositionsAreRefused) {
  BatchLoader from = loader();
  from.next(3);
  const nlohmann::json good = from.position();
  const nlohmann::json flat = good.flatten();
  for (const auto& [pointer, value] : flat.items()) {
    for (const nlohmann::json& bad : {nlohmann::json(-1), nlohmann::json("zz"), nlohmann::json(nullptr),
                                      nlohmann::json(1.5), nlohmann::json(1e300)}) {
      nlohmann::json broken = good;
      broken[nlohmann::json::json_pointer(pointer)] = bad;
      BatchLoader into = loader();
      EXPECT_NE(error_of([&] { into.restore(broken); }), "") << pointer << " " << bad;
      EXPECT_EQ(into.position(), loader().position());
    }
  }
  for (const auto& [key, value] : good.items()) {
    nlohmann::json broken = good;
    broken.erase(key);
    BatchLoader into(*dataset_, 5, false);
    EXPECT_NE(error_of([&] { into.restore(broken); }), "") << key;
  }
  BatchLoader into = loader();
  EXPECT_NE(error_of([&] { into.restore(nlohmann::json::array()); }), "");
}

TEST_F(BatchLoaderTest, Misuse) {
  BatchLoader from(*dataset_, 5, false);
  EXPECT_NE(error_of([&] { from.next(1); }), "");
  EXPECT_NE(error_of([&] { from.set_stage(kMixture, 0); }), "");
  from.set_stage(kMixture, 4);
  EXPECT_NE(error_of([&] { from.set_stage({kMixture.shares, 41}, 4); }), "");
  EXPECT_NE(error_of([&] { from.next(0); }), "");
  EXPECT_NE(error_of([&] { BatchLoader(*dataset_, 5, false, 2, 2); }), "");
}

}  // namespace
}  // namespace saker
