// What a program said that tells what it was given (children/says).
#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {

/// What children/says said, by word; several of one word together.
class Said {
 public:
  explicit Said(const std::string& text) {
    for (const std::string& line : lines_of(text)) {
      auto space = line.find(' ');
      if (space != std::string::npos) words_.emplace(line.substr(0, space), line.substr(space + 1));
    }
  }
  std::string one(const std::string& word) const {
    auto it = words_.find(word);
    return it == words_.end() ? "nothing was said of " + word : it->second;
  }
  std::set<std::string> all(const std::string& word) const {
    std::set<std::string> out;
    for (auto [it, end] = words_.equal_range(word); it != end; ++it)
      out.insert(it->second);
    return out;
  }
  /// Value of an environment variable.
  std::optional<std::string> variable(const std::string& key) const {
    for (const std::string& entry : all("env"))
      if (entry.starts_with(key + "=")) return entry.substr(key.size() + 1);
    return std::nullopt;
  }

 private:
  std::multimap<std::string, std::string> words_;
};

}  // namespace keeper
