#include "keeper/log/rotator.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>

namespace keeper {
namespace {

struct Place {
  std::string directory;  ///< with its slash
  std::string base;
};

Place place_of(const std::string& path) {
  auto slash = path.rfind('/');
  if (slash == std::string::npos) return {"./", path};
  return {path.substr(0, slash + 1), path.substr(slash + 1)};
}

/// What begins with the log's name: a few files of a directory that may have those of a thousand logs.
Result<std::vector<DirectoryEntry>> files_of(const Place& place) {
  std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(place.directory.c_str()), closedir);
  if (!directory) return system_error("", "read " + place.directory);
  std::vector<DirectoryEntry> out;
  while (const dirent* entry = readdir(directory.get())) {
    std::string_view name = entry->d_name;
    if (!name.starts_with(place.base)) continue;
    struct stat st {};
    if (fstatat(dirfd(directory.get()), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) continue;
    out.push_back({std::string(name), static_cast<std::uint64_t>(st.st_size), S_ISREG(st.st_mode)});
  }
  return out;
}

Done perform(const Place& place, const RotationStep& step) {
  std::string from = place.directory + step.from, to = place.directory + step.to;
  int done = 0;
  if (step.kind == RotationStep::Kind::rename)
    done = renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  // A file system that does not know the flag: the plan overwrites nothing anyway.
  if (done < 0 && errno == EINVAL) done = rename(from.c_str(), to.c_str());
  if (step.kind == RotationStep::Kind::remove) done = unlink(from.c_str());
  if (done == 0 || errno == ENOENT) return {};
  std::string doing =
      step.kind == RotationStep::Kind::remove ? "remove " + from : "rename " + from + " to " + to;
  return system_error("", doing);
}

Result<Rotated> perform(const Place& place, const RotationPlan& plan) {
  Rotated out;
  for (const RotationStep& step : plan) {
    if (step.kind == RotationStep::Kind::compress) {
      out.compress = Rotated::Compression{place.directory + step.from, place.directory + step.to};
    } else if (Done done = perform(place, step); !done) {
      return done.error();
    }
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
    bool same = number > 0 && lstat((place.directory + file.name).c_str(), &st) == 0 && st.st_ino == inode;
    if (same) return number;
  }
  return 0;
}

/// Plans with what is there, and performs that.
template <class Plan>
Result<Rotated> carry_out(const std::string& path, Plan plan) {
  Place place = place_of(path);
  auto files = files_of(place);
  if (!files) return files.error();
  return perform(place, plan(place, *files));
}

Done without_rest(const Result<Rotated>& done) {
  if (!done) return done.error();
  return {};
}

}  // namespace

Result<Rotated> rotate_files(const std::string& path, const RotationRules& rules) {
  bool moves = true, regular = true;
  auto rotated = carry_out(path, [&](const Place& place, const auto& files) {
    RotationPlan plan = plan_rotation(place.base, files, rules);
    auto log =
        std::find_if(files.begin(), files.end(), [&](const auto& one) { return one.name == place.base; });
    bool there = log != files.end();
    regular = !there || log->regular;
    moves = !there || std::any_of(plan.begin(), plan.end(),
                                  [&](const RotationStep& step) { return step.from == place.base; });
    return plan;
  });
  if (!rotated || moves) return rotated;
  return Error{Reason::failed, "", regular ? "no name is free for a backup" : "it is no regular file", 0};
}

Result<Rotated> tidy_files(const std::string& path, const RotationRules& rules) {
  return carry_out(
      path, [&](const Place& place, const auto& files) { return plan_tidying(place.base, files, rules); });
}

Done place_compressed(const std::string& path, std::uint64_t inode) {
  return without_rest(carry_out(path, [&](const Place& place, const auto& files) {
    return plan_compressed(place.base, files, number_of(place, files, inode));
  }));
}

Done remove_backups(const std::string& path) {
  RotationRules none;
  none.backups = 0;
  return without_rest(tidy_files(path, none));
}

}  // namespace keeper
