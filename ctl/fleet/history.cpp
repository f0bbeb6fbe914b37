#include "ctl/fleet/history.hpp"

#include "protocol/client/client.hpp"

namespace keeper {
namespace {

constexpr std::size_t kLastWords = 5;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = std::min(text.find('\n', at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace

Result<std::vector<RunRecord>> runs_of(const Home& home, const Row& row, Millis wait) {
  if (!row.answered) return home.read_runs(row.id.stem());
  auto client = Client::connect(home, row.id.stem());
  if (!client) return home.read_runs(row.id.stem());  // it has left meanwhile
  auto history = client->call(GetWhy{}, wait, "");
  if (history) return std::move(history->runs);
  if (history.error().reason == Reason::timeout) return history.error();
  return home.read_runs(row.id.stem());
}

std::vector<std::string> last_words(const Home& home, const Row& row, Millis wait) {
  auto runs = runs_of(home, row, wait);
  if (!runs || runs->empty()) return {};
  std::vector<std::string> lines = lines_of(runs->back().output.text);
  if (lines.size() > kLastWords) lines.erase(lines.begin(), lines.end() - kLastWords);
  return lines;
}

}  // namespace keeper
