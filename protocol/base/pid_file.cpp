#include "protocol/base/pid_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "protocol/base/fd.hpp"
#include "protocol/base/file_place.hpp"
#include "protocol/base/files.hpp"
#include "protocol/base/proc.hpp"
#include "protocol/base/units.hpp"

namespace keeper {
namespace {

struct PidFile {
  int pid = 0;
  std::int64_t written_ms = 0;  ///< by the wall clock
};

std::optional<PidFile> read_pid_file(const FilePlace& place) {
  // Non-blocking: it may be a FIFO.
  Fd file = open_beside(place, place.base(), O_RDONLY | O_NONBLOCK | O_NOCTTY);
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

/// Returns true for text that is not a number (notes, a program). An unreadable file does not count; a link
/// is replaced, and its target stays.
bool holds_something_else(const std::string& path) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW));
  struct stat st {};
  if (!file || fstat(file.get(), &st) < 0 || !S_ISREG(st.st_mode)) return false;
  char text[64];
  ssize_t got = read(file.get(), text, sizeof text);
  std::string_view rest(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  return rest.find_first_not_of("0123456789 \t\n") != std::string_view::npos;
}

}  // namespace

std::optional<int> pid_file_owner(const std::string& path, const ActingUser* user) {
  const auto place = find_place(path, user, LastLink::kept);
  auto file = place ? read_pid_file(*place) : std::nullopt;
  auto began = file ? began_ms(file->pid) : std::nullopt;
  if (!began || began_after(*began, file->written_ms)) return std::nullopt;
  return file->pid;
}

void remove_pid_file(const std::string& path, int pid, const ActingUser* user) {
  const auto place = find_place(path, user, LastLink::kept);
  auto file = place ? read_pid_file(*place) : std::nullopt;
  if (file && file->pid == pid) remove_beside(*place, place->base());
}

Done write_pid_file(const std::string& path, std::string_view text, const ActingUser* user) {
  constexpr unsigned mode = 0644;
  const auto place = find_place(path, user, LastLink::kept);
  if (!place) return cannot_at("write " + path, place.error());
  if (!place->held) return write_file_atomically(path, text, false, mode);
  const ActingAs as_user(place->as);
  if (as_user.error() != 0) return system_error("write " + path, "as " + place->as->name);
  return write_file_at(place->held.get(), place->name, text, false, path, mode);
}

Done check_pid_file(const std::string& path, const ActingUser* user) {
  const auto place = find_place(path, user, LastLink::kept);
  const ActingAs as_user(place ? place->as : user);
  struct stat st {};
  auto slash = path.rfind('/');
  std::string directory = slash == 0 ? "/" : path.substr(0, slash);
  auto wrong = [](Reason reason, std::string why) { return Error{reason, {}, std::move(why), 0}; };
  if (stat(directory.c_str(), &st) < 0) {
    std::string why = directory + ": " + strerror(errno);
    return wrong(Reason::not_found, why + "; make that directory first, or give another file");
  }
  if (!S_ISDIR(st.st_mode)) return wrong(Reason::invalid, directory + " is no directory; give another file");
  if (faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) < 0) {
    const std::string who = place && place->as != nullptr ? " as " + place->as->name : "";
    std::string why = "no file can be made in " + directory + who + ": " + strerror(errno);
    return wrong(Reason::refused, why + "; give another file");
  }
  if (holds_something_else(path))
    return wrong(Reason::invalid, path + " holds no pid, and would be overwritten; give another file");
  bool there = slash + 1 == path.size() || lstat(path.c_str(), &st) == 0;
  if (!there || S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) return {};
  bool is_directory = S_ISDIR(st.st_mode);
  return wrong(Reason::invalid, path + (is_directory ? " is a directory; name a file in it"
                                                     : " is no regular file; give another file"));
}

Error pid_file_taken(const std::string& path, int owner) {
  return Error{Reason::already, "use the pid file " + path,
               "process " + std::to_string(owner) +
                   " lives and is not of this app; end it, or remove the file, or give another --pid-file",
               0};
}

}  // namespace keeper
