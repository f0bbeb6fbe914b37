#include "protocol/base/links.hpp"

#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

namespace keeper {
namespace {

constexpr int kMostLinks = 40;  // path_resolution(7)

/// Returns the target of the link at `path`, relative to its directory; empty if it is not a link.
std::string next_of(const std::string& path) {
  std::array<char, PATH_MAX> text;
  ssize_t size = readlink(path.c_str(), text.data(), text.size());
  if (size <= 0) return "";
  std::string next(text.data(), static_cast<std::size_t>(size));
  auto slash = path.rfind('/');
  return next[0] == '/' || slash == std::string::npos ? next : path.substr(0, slash + 1) + next;
}

}  // namespace

std::string end_of_links(const std::string& path) {
  struct stat st {};
  if (stat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode)) return path;
  std::string end = path;
  for (int links = 0; links <= kMostLinks; ++links) {
    std::string next = next_of(end);
    if (next.empty()) return end;
    if (end.starts_with("/proc/") || next.starts_with("/proc/")) return path;
    end = std::move(next);
  }
  return path;
}

}  // namespace keeper
