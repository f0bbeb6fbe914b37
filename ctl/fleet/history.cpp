#include "ctl/fleet/history.hpp"

#include "protocol/client/client.hpp"
#include "protocol/wire/line_buffer.hpp"

namespace keeper {
namespace {

constexpr std::size_t kLastWords = 5;

}  // namespace

Result<RunHistory> history_of(const Home& home, const Row& row, Millis wait) {
  const auto recorded = [&] { return RunHistory{home.read_runs(row.id.stem())}; };
  if (!row.answered) return recorded();
  auto client = Client::connect(home, row.id.stem());
  if (!client) return recorded();  // it has left meanwhile
  auto history = client->call(GetWhy{}, wait, "");
  if (history || history.error().reason == Reason::timeout) return history;
  return recorded();
}

std::vector<std::string> last_words(const Home& home, const Row& row, Millis wait) {
  auto history = history_of(home, row, wait);
  if (!history || history->runs.empty()) return {};
  std::vector<std::string> lines = split_lines(history->runs.back().output.text);
  if (lines.size() > kLastWords) lines.erase(lines.begin(), lines.end() - kLastWords);
  return lines;
}

}  // namespace keeper
