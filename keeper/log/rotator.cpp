#include "keeper/log/rotator.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <memory>

namespace keeper {
namespace {

/// The directory of a log, open, which is the same one at every step.
struct Place {
  std::unique_ptr<DIR, int (*)(DIR*)> open;
  std::string directory;  ///< as text, with its slash
  std::string base;
  int fd() const { return dirfd(open.get()); }
};

Result<Place> place_of(const FilePlace& log) {
  const std::string base = log.base();
  Place out{{nullptr, closedir}, log.path.substr(0, log.path.size() - base.size()), base};
  Fd directory = open_directory_of(log);
  out.open.reset(directory ? fdopendir(directory.get()) : nullptr);
  if (!out.open) return system_error("", "read " + out.directory);
  directory.release();
  return out;
}

/// What begins with the log's name: a few files of a directory that may have those of a thousand logs.
std::vector<DirectoryEntry> files_of(const Place& place) {
  std::vector<DirectoryEntry> out;
  while (const dirent* entry = readdir(place.open.get())) {
    std::string_view name = entry->d_name;
    if (!name.starts_with(place.base)) continue;
    struct stat st {};
    if (fstatat(place.fd(), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) continue;
    out.push_back({std::string(name), static_cast<std::uint64_t>(st.st_size), S_ISREG(st.st_mode)});
  }
  return out;
}

Done perform(const Place& place, const RotationStep& step) {
  const char *from = step.from.c_str(), *to = step.to.c_str();
  const int at = place.fd();
  int done = 0;
  if (step.kind == RotationStep::Kind::rename) done = renameat2(at, from, at, to, RENAME_NOREPLACE);
  // A file system that does not know the flag: the plan overwrites nothing anyway.
  if (done < 0 && errno == EINVAL) done = renameat(at, from, at, to);
  if (step.kind == RotationStep::Kind::remove) done = unlinkat(at, from, 0);
  if (done == 0 || errno == ENOENT) return {};
  const std::string what = place.directory + step.from;
  std::string doing = step.kind == RotationStep::Kind::remove
                          ? "remove " + what
                          : "rename " + what + " to " + place.directory + step.to;
  return system_error("", doing);
}

Result<Rotated> perform(const Place& place, const RotationPlan& plan, std::size_t most) {
  Rotated out;
  for (const RotationStep& step : plan) {
    if (out.steps == most) {
      out.unfinished = true;
      return out;
    }
    if (step.kind == RotationStep::Kind::compress) {
      out.compress = Rotated::Compression{step.from, step.to};
      continue;
    }
    if (Done done = perform(place, step); !done) return done.error();
    ++out.steps;
    if (step.from == place.base) out.moved = true;
  }
  return out;
}

/// The backup that has an inode; 0: none.
int number_of(const Place& place, const std::vector<DirectoryEntry>& files, std::uint64_t inode) {
  for (const DirectoryEntry& file : files) {
    std::string_view rest = std::string_view(file.name).substr(place.base.size());
    if (rest.size() < 2 || rest[0] != '.') continue;
    int number = 0;
    for (char c : rest.substr(1))
      number = c >= '0' && c <= '9' && number >= 0 && number < 100'000'000 ? number * 10 + (c - '0') : -1;
    struct stat st {};
    bool same = number > 0 && fstatat(place.fd(), file.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                st.st_ino == inode;
    if (same) return number;
  }
  return 0;
}

/// Plans with what is there, and performs that, or a part of it.
template <class Plan>
Result<Rotated> carry_out(const FilePlace& log, Plan plan, std::size_t most = kMostSteps) {
  const ActingAs as_user(log.as);
  if (as_user.error() != 0) return system_error("", "act as " + log.as->name);
  auto place = place_of(log);
  if (!place) return place.error();
  return perform(*place, plan(*place, files_of(*place)), most);
}

Done without_rest(const Result<Rotated>& done) {
  if (!done) return done.error();
  return {};
}

}  // namespace

Result<Rotated> rotate_files(const FilePlace& log, const RotationRules& rules) {
  bool moves = true, regular = true;
  auto rotated = carry_out(log, [&](const Place& place, const auto& files) {
    RotationPlan plan = plan_rotation(place.base, files, rules);
    auto own =
        std::find_if(files.begin(), files.end(), [&](const auto& one) { return one.name == place.base; });
    bool there = own != files.end();
    regular = !there || own->regular;
    moves = !there || std::any_of(plan.begin(), plan.end(),
                                  [&](const RotationStep& step) { return step.from == place.base; });
    return plan;
  });
  if (!rotated || moves) return rotated;
  return Error{Reason::failed, "", regular ? "no name is free for a backup" : "it is no regular file", 0};
}

Result<Rotated> tidy_files(const FilePlace& log, const RotationRules& rules) {
  return carry_out(
      log, [&](const Place& place, const auto& files) { return plan_tidying(place.base, files, rules); });
}

Done place_compressed(const FilePlace& log, std::uint64_t inode) {
  return without_rest(carry_out(log, [&](const Place& place, const auto& files) {
    return plan_compressed(place.base, files, number_of(place, files, inode));
  }));
}

Done remove_backups(const FilePlace& log) {
  RotationRules none;
  none.backups = 0;
  return without_rest(carry_out(
      log, [&](const Place& place, const auto& files) { return plan_tidying(place.base, files, none); },
      std::numeric_limits<std::size_t>::max()));
}

}  // namespace keeper
