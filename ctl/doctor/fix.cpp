#include "ctl/doctor/fix.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <set>

#include "protocol/base/fd.hpp"
#include "protocol/base/pid_file.hpp"
#include "protocol/store/home.hpp"
#include "protocol/store/run_signs.hpp"

namespace keeper {
namespace {

using std::string;

Error not_so_any_more() {
  return {Reason::changed, "", "it is in use by now; look again", 0};
}

Done remove_file(const string& path) {
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return system_error("");
}

/// Under the lock nobody else may bind: whoever answers has lost its lock, and is not to lose its socket too.
Done remove_socket(const Home& home, const string& stem) {
  auto socket = home.connect_socket(stem);
  if (socket) return not_so_any_more();
  if (socket.error().reason == Reason::not_found) return {};
  if (socket.error().reason != Reason::unreachable) return socket.error();
  home.unlink_socket(stem);
  return remove_file(home.socket_path(stem));  // says why where it is still there
}

Done remove_stale_pid_file(const Home& home, const Mend& mend) {
  auto record = home.read_status(mend.stem);
  auto spec = home.read_spec(mend.stem);
  const ActingUser user = spec ? home.acting_user(*spec) : ActingUser();
  if ((record && still_runs(*record)) || pid_file_owner(mend.path, &user)) return not_so_any_more();
  if (mend.path == home.pid_path(mend.stem)) return remove_file(mend.path);
  remove_pid_file(mend.path, mend.pid, &user);
  return {};
}

Done under_lock(const Home& home, const Mend& mend) {
  switch (mend.kind) {
    case Mend::Kind::socket: return remove_socket(home, mend.stem);
    case Mend::Kind::pid_file: return remove_stale_pid_file(home, mend);
    case Mend::Kind::leftover: return remove_file(mend.path);
    case Mend::Kind::removal: return home.finish_removal(mend.stem);
    case Mend::Kind::mode:
    case Mend::Kind::no_lock:
    case Mend::Kind::none: break;
  }
  return {};
}

/// Through a descriptor, so that nobody can put a link in its place between the look and the change.
Done change_mode(const Mend& mend) {
  Fd file(open(mend.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat st {};
  if (!file || fstat(file.get(), &st) != 0) return system_error("");
  if (S_ISLNK(st.st_mode) || st.st_uid != geteuid()) return not_so_any_more();
  string through = "/proc/self/fd/" + std::to_string(file.get());
  if (chmod(through.c_str(), mend.mode) == 0) return {};
  return system_error("");
}

/// What is where the lock of an app belongs. Nothing that is in it is deleted.
Done move_away(const Mend& mend) {
  struct stat st {};
  if (lstat(mend.path.c_str(), &st) != 0 || S_ISREG(st.st_mode)) return not_so_any_more();
  if ((S_ISDIR(st.st_mode) ? rmdir(mend.path.c_str()) : unlink(mend.path.c_str())) == 0) return {};
  const string aside = mend.path + ".old";
  if (renameat2(AT_FDCWD, mend.path.c_str(), AT_FDCWD, aside.c_str(), RENAME_NOREPLACE) == 0) return {};
  return system_error("");
}

void tell(Found& found, const Done& done) {
  Finding& finding = found.finding;
  finding.fixed = static_cast<bool>(done);
  const bool mode = found.mend.kind == Mend::Kind::mode, lock = found.mend.kind == Mend::Kind::no_lock;
  string what = mode ? "its mode was put right" : lock ? "it was moved away" : "it was removed";
  string failed = mode ? "its mode cannot be put right: " : "it cannot be removed: ";
  finding.remedy = done ? what : failed + done.error().why();
}

/// All that is to be done under one lock.
void mend_app(const Home& home, const string& stem, const std::vector<Found*>& found) {
  struct stat st {};
  bool was_there = lstat(home.app_dir(stem).c_str(), &st) == 0;
  auto lock = home.lock(stem, Home::kLockWait);
  for (Found* one : found) {
    if (lock)
      tell(*one, under_lock(home, one->mend));
    else if (lock.error().reason == Reason::already)
      tell(*one, not_so_any_more());
    else
      tell(*one, lock.error());
  }
  if (lock && !was_there) (void)home.remove_app(stem);  // the lock has made its directory
}

}  // namespace

void mend(const Home& home, std::vector<Found>& found) {
  // Directories that their user cannot enter come first: what is in them can be reached then.
  for (Found& one : found)
    if (one.mend.kind == Mend::Kind::mode) tell(one, change_mode(one.mend));
  for (Found& one : found)
    if (one.mend.kind == Mend::Kind::no_lock) tell(one, move_away(one.mend));
  std::set<string> stems;
  for (const Found& one : found)
    if (!one.mend.stem.empty()) stems.insert(one.mend.stem);
  for (const string& stem : stems) {
    std::vector<Found*> of_app;
    for (Found& one : found)
      if (one.mend.stem == stem) of_app.push_back(&one);
    mend_app(home, stem, of_app);
  }
}

}  // namespace keeper
