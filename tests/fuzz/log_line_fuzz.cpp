// Whatever a program writes into its log, and whatever is given for a cursor or a list of pids: what is read
// from it is within it, and a cursor can be given again.
#include <cstdint>
#include <cstdlib>

#include "protocol/base/proc.hpp"
#include "protocol/logs/cursor.hpp"
#include "protocol/logs/object.hpp"
#include "protocol/logs/stamp.hpp"

using namespace keeper;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_within(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  if (auto stamp = stamp_at_start(text)) require(stamp->length > 0 && stamp->length <= text.size());
  if (auto time = stamp_of_line(text); time && stamp_at_start(text))
    require(*time == stamp_at_start(text)->ms);
  if (auto mark = run_mark_of(text)) require(mark->pid > 0);
  is_own_line(text);
  if (auto object = log_object_of(text)) require(object->pid >= 0 && is_within(object->stream, text));
  if (auto cursor = LogCursor::parse(text)) {
    require(cursor->checked <= kMostChecked && cursor->checked <= cursor->offset);
    auto again = LogCursor::parse(cursor->text());
    require(again && again->text() == cursor->text());
  }
  std::vector<int> pids;
  add_pids(text, pids);
  require(pids.size() <= text.size());
  return 0;
}
