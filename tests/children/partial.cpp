// partial CODE [TEXT]    writes TEXT without a newline, then exits with CODE.
#include "tests/children/tiny.hpp"

int main(int count, char** words) {
  constexpr std::string_view text = "partial CODE [TEXT]";
  if (count != 2 && count != 3) keeper::usage(text);
  const long code = keeper::number(words[1], text);
  keeper::say(count == 3 ? words[2] : "the line has no end");
  return static_cast<int>(code);
}
