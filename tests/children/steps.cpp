// steps DIR [varied]    writes numbered lines as far as DIR/steps says, which lives longer than it does
// (steps.hpp): the next one goes on with the next line. Ends with code 3 where it is told to, and with 0 by
// SIGTERM, never within a line. Appends its pid to DIR/starts; where another one lives beside it, DIR/two is
// made.
#include "tests/children/steps.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>

#include <string>

#include "tests/children/tiny.hpp"

namespace {

volatile sig_atomic_t told_to_end = 0;

int open_in(const std::string& directory, const char* name, int flags) {
  return open((directory + "/" + name).c_str(), flags | O_CREAT | O_CLOEXEC, 0600);
}

}  // namespace

int main(int count, char** words) {
  const bool varied = count == 3 && std::string(words[2]) == "varied";
  if (count != 2 && !varied) keeper::usage("steps DIR [varied]");
  const std::string directory = words[1];
  signal(SIGTERM, [](int) { told_to_end = 1; });
  if (flock(open_in(directory, "alone", O_RDWR), LOCK_EX | LOCK_NB) != 0) open_in(directory, "two", O_RDWR);
  char pid[16];
  const int length = snprintf(pid, sizeof pid, "%d\n", static_cast<int>(getpid()));
  if (!keeper::put(open_in(directory, "starts", O_WRONLY | O_APPEND),
                   {pid, static_cast<std::size_t>(length)}))
    return 1;
  void* memory = mmap(nullptr, sizeof(keeper::Steps), PROT_READ | PROT_WRITE, MAP_SHARED,
                      open_in(directory, "steps", O_RDWR), 0);
  if (memory == MAP_FAILED) return 1;
  auto& steps = *static_cast<keeper::Steps*>(memory);
  while (told_to_end == 0) {
    if (steps.said >= steps.goal) {
      keeper::sleep_ms(1);
      continue;
    }
    keeper::say(varied ? keeper::varied_line(steps.said + 1) : keeper::even_line(steps.said + 1));
    ++steps.said;
    if (steps.said == steps.crash_at) return 3;
  }
  return 0;
}
