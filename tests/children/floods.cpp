// floods N [wait [LINES]]    writes "line 1" to "line N" as fast as they are taken, or so many lines at a
// time and then none for a millisecond; then exits 0, or waits for ever.
#include <cstring>
#include <string>

#include "tests/children/tiny.hpp"

int main(int count, char** words) {
  constexpr std::string_view text = "floods N [wait [LINES]]";
  constexpr std::size_t piece = 64 * 1024;  // of a pipe's size: fewer system calls than lines
  const bool waits = count > 2 && count < 5 && strcmp(words[2], "wait") == 0;
  if (count != 2 && !waits) keeper::usage(text);
  const long lines = keeper::number(words[1], text),
             at_a_time = count == 4 ? keeper::number(words[3], text) : 0;
  std::string bytes;
  bytes.reserve(piece + 32);
  for (long line = 1; line <= lines; ++line) {
    bytes.append("line ").append(std::to_string(line)).append("\n");
    const bool pauses = at_a_time > 0 && line % at_a_time == 0;
    if (bytes.size() < piece && line < lines && !pauses) continue;
    if (!keeper::put(STDOUT_FILENO, bytes)) return 1;
    bytes.clear();
    if (pauses) keeper::sleep_ms(1);
  }
  if (waits) keeper::wait_for_ever();
  return 0;
}
