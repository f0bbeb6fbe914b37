#include "keeper/log/rotator.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "protocol/base/clock.hpp"

namespace keeper {
namespace {

constexpr Millis kRestCounts{10'000};  // longer than the pause between two parts of a rotation

}  // namespace

/// The open directory of a log, which is the same one at every step.
struct Rotator::Place {
  std::unique_ptr<DIR, int (*)(DIR*)> open;
  std::string directory;  ///< as text, with its slash
  std::string base;
  std::pair<dev_t, ino_t> id{};
  int fd() const { return dirfd(open.get()); }
};

/// The rest of a plan.
struct Rotator::Rest {
  Doing doing;
  std::pair<dev_t, ino_t> directory;
  std::string base;
  RotationPlan plan;
  std::size_t next = 0;  ///< step
  bool fresh = true;     ///< the directory was read in this turn
  Millis since{0};       ///< the time of the last part
};

Rotator::Rotator() = default;
Rotator::~Rotator() = default;

Result<Rotator::Place> Rotator::place_of(const FilePlace& log) {
  const std::string base = log.base();
  Place out{{nullptr, closedir}, log.path.substr(0, log.path.size() - base.size()), base};
  Fd directory = open_directory_of(log);
  struct stat st {};
  if (directory && fstat(directory.get(), &st) == 0) out.id = {st.st_dev, st.st_ino};
  out.open.reset(directory ? fdopendir(directory.get()) : nullptr);
  if (!out.open) return system_error("", "read " + out.directory);
  directory.release();
  return out;
}

namespace {

/// Returns the files whose names begin with the log's: a few of a directory that may have those of a thousand
/// logs.
std::vector<DirectoryEntry> files_of(DIR* directory, const std::string& base) {
  std::vector<DirectoryEntry> out;
  while (const dirent* entry = readdir(directory)) {
    std::string_view name = entry->d_name;
    if (!name.starts_with(base)) continue;
    struct stat st {};
    if (fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) continue;
    out.push_back({std::string(name), static_cast<std::uint64_t>(st.st_size), S_ISREG(st.st_mode)});
  }
  return out;
}

/// Performs one step in the directory that is open as `at`. Returns false and errno on failure.
bool perform_step(int at, const RotationStep& step) {
  const char *from = step.from.c_str(), *to = step.to.c_str();
  if (step.kind == RotationStep::Kind::remove) return unlinkat(at, from, 0) == 0;
  if (renameat2(at, from, at, to, RENAME_NOREPLACE) == 0) return true;
  // A file system without that flag: the plan overwrites nothing anyway.
  return errno == EINVAL && renameat(at, from, at, to) == 0;
}

Error step_error(const std::string& directory, const RotationStep& step) {
  const std::string what = directory + step.from;
  return system_error("", step.kind == RotationStep::Kind::remove
                              ? "remove " + what
                              : "rename " + what + " to " + directory + step.to);
}

Done without_rest(const Result<Rotated>& done) {
  if (!done) return done.error();
  return {};
}

}  // namespace

/// Performs the next part of the rest. If a file is missing, the plan is out of date, unless it was made in
/// this turn: then returns `unfinished` and keeps no rest.
Result<Rotated> Rotator::perform(const Place& place) {
  std::unique_ptr<Rest> rest = std::move(rest_);
  Rotated out;
  for (; rest->next < rest->plan.size(); ++rest->next) {
    const RotationStep& step = rest->plan[rest->next];
    if (step.kind == RotationStep::Kind::compress) {
      out.compress = Rotated::Compression{step.from, step.to};
      continue;
    }
    out.unfinished = out.steps == kMostSteps;
    if (out.unfinished) break;
    if (!perform_step(place.fd(), step)) {
      if (errno != ENOENT) return step_error(place.directory, step);
      out.unfinished = !rest->fresh;
      if (out.unfinished) return out;
    }
    ++out.steps;
    if (step.from == place.base) out.moved = true;
  }
  if (!out.unfinished) return out;
  if (out.moved) rest->doing = Doing::tidying;
  rest->fresh = false;
  rest->since = steady_now();
  rest_ = std::move(rest);
  return out;
}

/// Returns the number of the backup that has an inode; 0: none.
int Rotator::number_of(const Place& place, const std::vector<DirectoryEntry>& files, std::uint64_t inode) {
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

/// Returns whether the rest of a plan belongs to this work, and is new enough.
bool Rotator::goes_on(const Place& place, Doing doing) const {
  return rest_ && rest_->doing == doing && rest_->directory == place.id && rest_->base == place.base &&
         steady_now() - rest_->since < kRestCounts;
}

/// Plans from the files if no plan is left, and performs it, or a part of it.
template <class Plan>
Result<Rotated> Rotator::carry_out(const FilePlace& log, Doing doing, Plan plan) {
  const ActingAs as_user(log.as);
  if (as_user.error() != 0) return system_error("", "act as " + log.as->name);
  auto place = place_of(log);
  if (!place) return place.error();
  if (!goes_on(*place, doing)) {
    rest_.reset();
    rest_ = std::make_unique<Rest>(
        Rest{doing, place->id, place->base, plan(*place, files_of(place->open.get(), place->base))});
  }
  return perform(*place);
}

Result<Rotated> Rotator::rotate(const FilePlace& log, const RotationRules& rules) {
  bool moves = true, regular = true;
  auto rotated = carry_out(log, Doing::rotating, [&](const Place& place, const auto& files) {
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

Result<Rotated> Rotator::tidy(const FilePlace& log, const RotationRules& rules) {
  return carry_out(log, Doing::tidying, [&](const Place& place, const auto& files) {
    return plan_tidying(place.base, files, rules);
  });
}

Done Rotator::place_compressed(const FilePlace& log, std::uint64_t inode) {
  rest_.reset();  // it is out of date about the backup
  return without_rest(carry_out(log, Doing::packing, [&](const Place& place, const auto& files) {
    return plan_compressed(place.base, files, number_of(place, files, inode));
  }));
}

Result<Rotated> Rotator::remove_backups(const FilePlace& log) {
  RotationRules none;
  none.backups = 0;
  return carry_out(log, Doing::removing, [&](const Place& place, const auto& files) {
    return plan_tidying(place.base, files, none);
  });
}

}  // namespace keeper
