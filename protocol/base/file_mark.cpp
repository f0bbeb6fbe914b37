#include "protocol/base/file_mark.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "protocol/base/acting_as.hpp"

namespace keeper {
namespace {

/// File systems have a resolution of two seconds (FAT) down to a few milliseconds.
constexpr std::int64_t kCoarsest = 2'000'000'000;

std::int64_t in_nanoseconds(const timespec& at) {
  return static_cast<std::int64_t>(at.tv_sec) * 1'000'000'000 + at.tv_nsec;
}

}  // namespace

FileMark mark_of(const struct stat& st) {
  return {st.st_dev, st.st_ino, static_cast<std::uint64_t>(st.st_size), in_nanoseconds(st.st_mtim)};
}

FileMark mark_at(const std::string& path) {
  struct stat st {};
  return stat(path.c_str(), &st) == 0 ? mark_of(st) : FileMark{};
}

FilesRead::Seen FilesRead::look(const std::string& path, const ActingUser* as) {
  const ActingAs as_user(as);
  struct stat st {};
  if (as_user.error() != 0 || stat(path.c_str(), &st) != 0) return {{}, 0, errno};
  return {mark_of(st), in_nanoseconds(st.st_ctim), 0};
}

void FilesRead::add(const std::string& path, const ActingUser* as) {
  if (std::any_of(all_.begin(), all_.end(), [&](const One& one) { return one.path == path; })) return;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const Seen seen = look(path, as);
  const std::int64_t latest = std::max(seen.changed_ns, seen.mark.written_ns);
  all_.push_back({path, as, seen, seen.error != 0 || latest + kCoarsest < in_nanoseconds(now)});
}

bool FilesRead::changed() const {
  return std::any_of(all_.begin(), all_.end(),
                     [](const One& one) { return !one.settled || look(one.path, one.as) != one.seen; });
}

}  // namespace keeper
