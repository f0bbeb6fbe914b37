#include "ctl/fleet/history.hpp"

#include "protocol/client/client.hpp"
#include "protocol/wire/line_buffer.hpp"

namespace keeper {
namespace {

constexpr std::size_t kLastWords = 5;

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
  std::vector<std::string> lines = split_lines(runs->back().output.text);
  if (lines.size() > kLastWords) lines.erase(lines.begin(), lines.end() - kLastWords);
  return lines;
}

}  // namespace keeper
