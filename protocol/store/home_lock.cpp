// The lock of an app, and its state page.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>

#include "protocol/base/files.hpp"
#include "protocol/base/users.hpp"
#include "protocol/store/home_inside.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;
using namespace inside;
using Clock = std::chrono::steady_clock;

constexpr Millis kLockRetry{5};
constexpr int kMostLost = 1000;  // times that the directory may be deleted while its lock is being taken

struct flock whole_file() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool take_lock(int file) {
  struct flock lock = whole_file();
  return fcntl(file, F_OFD_SETLK, &lock) == 0;
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

Result<Fd> Home::open_lock(string_view stem) const {
  string doing = "lock " + app_dir(stem);
  Result<Fd> app = open_app(stem, Create::yes, doing);
  if (!app) return app;
  Fd file(openat(app->get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, kPrivateFile));
  struct stat at {};
  const string path = app_dir(stem) + "/lock";
  const int error = errno;
  const bool there = file
                         ? fstat(file.get(), &at) == 0
                         : fstatat(app->get(), "lock", &at, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(at.st_mode);
  errno = file ? errno : error;
  if (!there) return file_error(doing);
  if (!S_ISREG(at.st_mode)) return not_as_it_should_be(doing, path, at.st_mode, "regular file");
  if (at.st_uid != owner_) return foreign(doing, path, at.st_uid);
  return file;
}

Result<Fd> Home::open_state_in(int app, const string& doing) const {
  Fd file(openat(app, "state", O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, kPrivateFile));
  struct stat st {};
  if (!file || fstat(file.get(), &st) != 0) return file_error(doing);
  if (!S_ISREG(st.st_mode)) return Error{Reason::refused, doing, "it is no file", 0};
  if (st.st_uid != owner_) return Error{Reason::refused, doing, "it belongs to " + user_text(st.st_uid), 0};
  return file;
}

Result<Fd> Home::open_state(string_view stem) const {
  const string doing = "open " + state_path(stem);
  Result<Fd> app = open_app(stem, Create::yes, doing);
  if (!app) return app;
  Result<Fd> file = open_state_in(app->get(), doing);
  struct stat at {};
  if (file || fstatat(app->get(), "state", &at, AT_SYMLINK_NOFOLLOW) != 0) return file;
  const bool ours = S_ISREG(at.st_mode) && at.st_uid == owner_ && (at.st_mode & kPrivateFile) == kPrivateFile;
  if (ours || !move_aside(app->get(), "state")) return file;
  return open_state_in(app->get(), doing);
}

bool Home::is_lock_of(string_view stem, int file) const {
  struct stat ours {
  }, there{};
  Result<Fd> app = open_app(stem, Create::no, {});
  if (!app || fstat(file, &ours) != 0) return false;
  if (fstatat(app->get(), "lock", &there, AT_SYMLINK_NOFOLLOW) != 0 || !same_file(ours, there)) return false;
  // A strict umask must not keep the next process from opening it.
  if ((ours.st_mode & ALLPERMS) != kPrivateFile) fchmod(file, kPrivateFile);
  return true;
}

Result<Fd> Home::lock(string_view stem, Millis wait) const {
  const auto deadline = Clock::now() + wait;
  const string doing = "lock " + app_dir(stem);
  for (int lost = 0; lost < kMostLost;) {
    Result<Fd> file = open_lock(stem);
    if (!file && file.error().reason != Reason::not_found) return file;
    if (!file) {
      ++lost;  // deleted between making the directory and opening the file
    } else if (take_lock(file->get())) {
      if (is_lock_of(stem, file->get())) return file;
      ++lost;  // this is the lock of an app that was deleted meanwhile
    } else {
      if (errno != EAGAIN && errno != EACCES && errno != EINTR) return system_error(doing);
      auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - Clock::now());
      if (left.count() <= 0) return Error{Reason::already, doing, "another process holds it", 0};
      timespec pause{0, std::min<std::chrono::nanoseconds>(left, kLockRetry).count()};
      nanosleep(&pause, nullptr);
    }
  }
  return Error{Reason::failed, doing, "the directory does not stay there", 0};
}

bool Home::locked(string_view stem) const {
  Result<Fd> app = open_app(stem, Create::no, {});
  if (!app) return false;
  Fd file(openat(app->get(), "lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct flock lock = whole_file();
  return file && fcntl(file.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace keeper
