#include "tests/keeper/support/log_texts.hpp"

#include <algorithm>

namespace keeper {

namespace fs = std::filesystem;
using std::string;

string output_in(const string& log) {
  string out;
  for (const string& line : lines_of(log))
    if (!line.starts_with("[keeper] ")) out += line + "\n";
  return out;
}

string text_of(const string& line) {
  if (!line.starts_with('{')) {
    auto space = line.find(' ');
    return space == string::npos ? line : line.substr(space + 1);
  }
  auto from = line.find("\"msg\":\"");
  if (from == string::npos) return line;
  return line.substr(from + 7, line.size() - from - 9);  // "}
}

string texts_in(const string& log) {
  string out;
  for (const string& line : lines_of(log)) {
    string text = text_of(line);
    if (!text.starts_with("[keeper] ") && !has(line.substr(0, 100), "\"stream\":\"keeper\""))
      out += text + "\n";
  }
  return out;
}

void expect_same(const string& expected, const string& actual) {
  if (expected == actual) return;
  auto [wanted, found] = std::mismatch(expected.begin(), expected.end(), actual.begin(), actual.end());
  auto at = static_cast<std::size_t>(wanted - expected.begin());
  ADD_FAILURE() << expected.size() << " bytes were expected, there are " << actual.size() << "; from " << at
                << " on:\n"
                << actual.substr(at > 50 ? at - 50 : 0, 150) << "\ninstead of\n"
                << expected.substr(at > 50 ? at - 50 : 0, 150);
}

std::vector<fs::path> files_of(const fs::path& log) {
  // As whoever reads it does: a rotation that was broken off leaves a name free.
  constexpr int most_missing = 3;
  std::vector<fs::path> out;
  int last = 0;
  for (int i = 1; i <= last + 1 + most_missing; ++i)
    if (fs::exists(log.string() + "." + std::to_string(i))) last = i;
  for (int i = last; i > 0; --i)
    if (fs::path file = log.string() + "." + std::to_string(i); fs::exists(file)) out.push_back(file);
  out.push_back(log);
  return out;
}

string all_of(const fs::path& log) {
  string out;
  for (const fs::path& file : files_of(log))
    out += read_text(file);
  return out;
}

string numbered(int from, int to) {
  string out;
  char line[112];
  for (int i = from; i <= to; ++i) {
    snprintf(line, sizeof line, "%099d\n", i);
    out += line;
  }
  return out;
}

}  // namespace keeper
