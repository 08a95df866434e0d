// Typed access to the members of a JSON object that someone else wrote. A member that is null counts as absent, except
// where said. Every error is corrupt_data and names the file and the key.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace saker {

class JsonFields {
 public:
  // `object` and the texts must outlive this. Throws unless it is an object.
  JsonFields(const nlohmann::json& object, std::string_view component, std::string_view from);

  const nlohmann::json& value() const noexcept { return object_; }
  bool has(const char* key) const { return find(key) != nullptr; }
  bool is_text(const char* key, std::string_view text) const;

  int64_t integer(const char* key, int64_t standard) const;
  // An integer from 1 to 2^31 - 1.
  int64_t extent(const char* key, int64_t standard) const;
  double number(const char* key, double standard, double min, double max) const;
  bool boolean(const char* key, bool standard) const;
  std::string text(const char* key, std::string_view standard) const;
  // -1: there is none, which is what null says here.
  int32_t token_id(const char* key, int32_t standard) const;
  // One id, a list, or null for none.
  std::vector<int32_t> token_ids(const char* key, const std::vector<int32_t>& standard) const;
  // An absent object reads as an empty one.
  JsonFields object(const char* key) const;

  template <class... Args>
  [[noreturn]] void refuse(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) const {
    fail(code, "[{}] {}: {}", component_, from_, fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  const nlohmann::json* find(const char* key) const;
  [[noreturn]] void wrong(const char* key, std::string_view expected, const nlohmann::json& found) const;
  int32_t id_of(const char* key, const nlohmann::json& value) const;

  const nlohmann::json& object_;
  std::string_view component_, from_;
};

}  // namespace saker
