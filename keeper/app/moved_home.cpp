#include "keeper/app/moved_home.hpp"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace keeper {
namespace {

std::string lock_in(const std::string& stem) {
  return "/apps/" + stem + "/lock";
}

/// Returns the path of a home by that of a lock; empty: the lock was removed, or is in no home.
std::string home_of(const std::string& stem, int lock) {
  std::array<char, PATH_MAX> text{};
  const ssize_t size = readlink(("/proc/self/fd/" + std::to_string(lock)).c_str(), text.data(), text.size());
  std::string path(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  const std::string end = lock_in(stem);
  if (!path.starts_with('/') || !path.ends_with(end)) return "";
  path.resize(path.size() - end.size());
  return path;
}

/// Whether the file of the lock is where that home has it, by its path.
bool has_lock_at(const std::string& home, const std::string& stem, int lock) {
  struct stat there {
  }, ours{};
  return lstat((home + lock_in(stem)).c_str(), &there) == 0 && fstat(lock, &ours) == 0 &&
         there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

/// Whether that can be a home: somebody may have moved apps/ alone, and what it lies in now is none. A home
/// has been made private, so opening it changes nothing.
bool looks_like_home(const std::string& path) {
  struct stat at {
  }, sockets{};
  return lstat(path.c_str(), &at) == 0 && S_ISDIR(at.st_mode) && at.st_uid == geteuid() &&
         (at.st_mode & 077) == 0 && lstat((path + "/sock").c_str(), &sockets) == 0 &&
         S_ISDIR(sockets.st_mode);
}

}  // namespace

std::optional<Home> find_moved_home(const std::string& path, const std::string& stem, int lock) {
  struct stat at {};
  const bool link = lstat(path.c_str(), &at) == 0 && S_ISLNK(at.st_mode);
  if (!link && has_lock_at(path, stem, lock)) return std::nullopt;
  const std::string now = home_of(stem, lock);
  if (now.empty() || now == path || !looks_like_home(now)) return std::nullopt;
  auto home = Home::open(now, Home::Create::no);
  if (!home || !home->is_lock_of(stem, lock)) return std::nullopt;
  return std::move(*home);
}

Result<Home> open_home_of(const RoleTable& table, Home::Create create) {
  if (auto moved = find_moved_home(table.home, table.stem, table.lock)) return std::move(*moved);
  return Home::open(table.home, create);
}

}  // namespace keeper
