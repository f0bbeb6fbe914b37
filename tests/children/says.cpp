// says [wait]    says what it was given, a line each, in one write; then exits 0, or waits for ever:
//   pid, ppid, pgid, sid, umask (octal), nice    a number
//   cwd PATH
//   SigBlk, SigIgn, SigCgt MASK                  as /proc/self/status has them; a sanitizer catches some
//   itself fd N TARGET                                  every open descriptor env NAME=VALUE every variable
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cstring>
#include <string>

#include "tests/children/tiny.hpp"

namespace {

void add(std::string& text, std::string_view word, std::string_view value) {
  text.append(word).append(" ").append(value).append("\n");
}

void add_process(std::string& text) {
  add(text, "pid", std::to_string(getpid()));
  add(text, "ppid", std::to_string(getppid()));
  add(text, "pgid", std::to_string(getpgid(0)));
  add(text, "sid", std::to_string(getsid(0)));
  const mode_t mask = umask(0);
  umask(mask);
  char octal[16];
  snprintf(octal, sizeof octal, "%03o", static_cast<unsigned>(mask));
  add(text, "umask", octal);
  add(text, "nice", std::to_string(getpriority(PRIO_PROCESS, 0)));
}

std::string link_target(const char* path) {
  char target[4096];
  const ssize_t length = readlink(path, target, sizeof target);
  return length < 0 ? "?" : std::string(target, static_cast<std::size_t>(length));
}

std::string status_file() {
  const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  char bytes[8192];
  const ssize_t length = fd < 0 ? 0 : read(fd, bytes, sizeof bytes);
  if (fd >= 0) close(fd);
  return std::string(bytes, static_cast<std::size_t>(length < 0 ? 0 : length));
}

void add_signals(std::string& text) {
  const std::string status = status_file();
  for (const char* word : {"SigBlk", "SigIgn", "SigCgt"}) {
    const std::size_t start = status.find(std::string("\n") + word + ":\t");
    if (start == std::string::npos) continue;
    const std::size_t value = start + strlen(word) + 3;
    add(text, word, status.substr(value, status.find('\n', value) - value));
  }
}

void add_descriptors(std::string& text) {
  DIR* directory = opendir("/proc/self/fd");
  if (!directory) return;
  const std::string ours = std::to_string(dirfd(directory));
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.' || ours == entry->d_name) continue;
    const std::string name = entry->d_name;
    add(text, "fd " + name, link_target(("/proc/self/fd/" + name).c_str()));
  }
  closedir(directory);
}

}  // namespace

int main(int count, char** words) {
  const bool waits = count == 2 && strcmp(words[1], "wait") == 0;
  if (count != 1 && !waits) keeper::usage("says [wait]");
  std::string text;
  add_process(text);
  add(text, "cwd", link_target("/proc/self/cwd"));
  add_signals(text);
  add_descriptors(text);
  for (char** variable = environ; *variable; ++variable)
    add(text, "env", *variable);
  keeper::say(text);
  if (waits) keeper::wait_for_ever();
  return 0;
}
