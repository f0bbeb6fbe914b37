#include "protocol/home/pid_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/home/home.hpp"
#include "protocol/home/proc.hpp"

namespace keeper {
namespace {

struct PidFile {
  int pid = 0;
  std::int64_t written_ms = 0;  ///< by the wall clock
};

std::optional<PidFile> read_pid_file(const std::string& path) {
  // Not blocking: it may be a fifo.
  Fd file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat st {};
  if (!file || fstat(file.get(), &st) < 0 || !S_ISREG(st.st_mode)) return std::nullopt;
  char text[32];
  ssize_t got = read(file.get(), text, sizeof text);
  std::string_view words(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  words = words.substr(0, words.find_last_not_of(" \n") + 1);
  words.remove_prefix(std::min(words.size(), words.find_first_not_of(' ')));
  auto pid = parse_number(words, 1, 1 << 30);
  if (!pid) return std::nullopt;
  return PidFile{static_cast<int>(*pid), st.st_mtim.tv_sec * 1000LL + st.st_mtim.tv_nsec / 1'000'000};
}

}  // namespace

std::optional<int> pid_file_owner(const std::string& path) {
  auto file = read_pid_file(path);
  auto began = file ? began_ms(file->pid) : std::nullopt;
  if (!began || began_after(*began, file->written_ms)) return std::nullopt;
  return file->pid;
}

void remove_pid_file(const std::string& path, int pid) {
  auto file = read_pid_file(path);
  if (file && file->pid == pid) unlink(path.c_str());
}

Error pid_file_taken(const std::string& path, int owner) {
  return Error{Reason::already, "use the pid file " + path,
               "process " + std::to_string(owner) +
                   " lives and is not of this app; end it, or remove the file, or give another --pid-file",
               0};
}

}  // namespace keeper
