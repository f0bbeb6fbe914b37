#include "protocol/base/file_place.hpp"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <string_view>
#include <utility>

#include "protocol/base/links.hpp"
#include "protocol/base/users.hpp"

namespace keeper {
namespace {

using std::string;
using std::string_view;

constexpr int kMostLinks = 40;  // path_resolution(7)
constexpr int kDirectory = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

Error failed(int error, const ActingUser* as) {
  return {
      error == ENOENT ? Reason::not_found : Reason::failed, as != nullptr ? "as " + as->name : "", {}, error};
}

Error foreign_link(unsigned maker, unsigned owner) {
  return {Reason::refused,
          {},
          "a link of " + user_name(maker) + "'s leads to what belongs to " + user_name(owner) +
              "; it is followed to its maker's own files only",
          0};
}

class Walk {
 public:
  Walk(const ActingUser& user, LastLink last, Parents parents)
      : user_(user), last_(last), parents_(parents) {}
  Result<FilePlace> go(const string& path);

 private:
  struct Step {
    string name;
    std::optional<unsigned> owner{};
  };
  struct Entry {
    Fd fd;
    struct stat st {};
  };

  void put_in_front(string_view path, std::optional<unsigned> owner);
  Done enter_root();
  Done take(const Step& step);
  Done enter(Entry entry, const Step& step);
  Done go_up();
  Done follow(const Entry& link, const Step& step);
  Done arrive(const Step& step);
  Entry look(const string& name);
  bool changeable(int directory, const struct stat& st) const;
  const ActingUser* as() const { return users_ ? &user_ : nullptr; }

  const ActingUser& user_;
  const unsigned own_ = geteuid();
  const LastLink last_;
  const Parents parents_;
  std::deque<Step> steps_;
  Fd at_;
  struct stat at_st_ {};
  string text_;           ///< of at_
  bool reached_ = false;  ///< another user may have chosen which directory at_ is,
  bool users_ = false;    ///< or what is in it
  int links_ = 0;
  std::optional<FilePlace> found_;
};

void Walk::put_in_front(string_view path, std::optional<unsigned> owner) {
  std::deque<Step> all;
  while (!path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    if (slash > 0) all.push_back({string(path.substr(0, slash))});
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  if (!all.empty()) all.back().owner = owner;
  steps_.insert(steps_.begin(), std::make_move_iterator(all.begin()), std::make_move_iterator(all.end()));
}

/// Returns whether another user can change what is in a directory: its owner, or a user who may write it. An
/// access list shows as the group's right (acl(5)), and is checked for the program's user.
bool Walk::changeable(int directory, const struct stat& st) const {
  if (st.st_dev == user_.home_device && st.st_ino == user_.home_inode && user_.home_inode != 0) return false;
  if (st.st_uid != own_ || (st.st_mode & S_IWOTH) != 0) return true;
  if ((st.st_mode & S_IWGRP) == 0) return false;
  const ActingAs as_user(&user_);
  return as_user.error() != 0 || faccessat(directory, "", W_OK, AT_EMPTY_PATH | AT_EACCESS) == 0 ||
         (errno != EACCES && errno != EROFS);
}

Done Walk::enter_root() {
  at_ = Fd(open("/", kDirectory));
  if (!at_ || fstat(at_.get(), &at_st_) != 0) return failed(errno, nullptr);
  text_.clear();
  reached_ = users_;
  users_ = users_ || changeable(at_.get(), at_st_);
  return {};
}

Walk::Entry Walk::look(const string& name) {
  Entry out;
  const ActingAs as_user(as());
  if (as_user.error() != 0) return out;
  out.fd = Fd(openat(at_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!out.fd && errno == ENOENT && parents_ == Parents::made && !steps_.empty() &&
      (mkdirat(at_.get(), name.c_str(), 0700) == 0 || errno == EEXIST))
    out.fd = Fd(openat(at_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (out.fd && fstat(out.fd.get(), &out.st) != 0) out.fd.reset();
  return out;
}

/// The end of the walk.
Done Walk::arrive(const Step& step) {
  found_ = FilePlace{std::move(at_), step.name, text_ + "/" + step.name, as(), step.owner};
  return {};
}

Done Walk::take(const Step& step) {
  if (step.name == ".") return {};
  if (step.name == "..") return go_up();
  const bool last = steps_.empty();
  Entry entry = look(step.name);
  if (!entry.fd && (errno != ENOENT || !last)) return failed(errno, as());
  const bool link = entry.fd && S_ISLNK(entry.st.st_mode);
  if (link && !(last && last_ == LastLink::kept)) return follow(entry, step);
  return last ? arrive(step) : enter(std::move(entry), step);
}

Done Walk::enter(Entry entry, const Step& step) {
  if (!S_ISDIR(entry.st.st_mode)) return failed(ENOTDIR, as());
  if (step.owner && entry.st.st_uid != *step.owner) return foreign_link(*step.owner, entry.st.st_uid);
  const bool stays = !reached_ && (at_st_.st_mode & S_ISVTX) != 0 && at_st_.st_uid == own_ && !step.owner &&
                     entry.st.st_uid == own_;
  const bool home = entry.st.st_dev == user_.home_device && entry.st.st_ino == user_.home_inode;
  reached_ = users_ && !stays && !home;
  at_ = std::move(entry.fd);
  at_st_ = entry.st;
  text_ += "/" + step.name;
  users_ = reached_ || changeable(at_.get(), at_st_);
  return {};
}

Done Walk::go_up() {
  const ActingAs as_user(as());
  at_ = Fd(as_user.error() == 0 ? openat(at_.get(), "..", kDirectory) : -1);
  if (!at_ || fstat(at_.get(), &at_st_) != 0) return failed(errno, as());
  text_.resize(text_.empty() ? 0 : text_.rfind('/'));
  reached_ = users_;
  users_ = users_ || changeable(at_.get(), at_st_);
  return {};
}

/// Refuses a link in /proc whose text means nothing: only the kernel can follow it, to any file that this
/// process has open, and the user must not reach those.
Done Walk::follow(const Entry& link, const Step& step) {
  struct statfs fs {};
  if (fstatfs(at_.get(), &fs) != 0) return failed(errno, as());
  if (fs.f_type == PROC_SUPER_MAGIC) {
    if (users_ || step.owner) return failed(ELOOP, &user_);
    Step rest = step;
    for (; !steps_.empty(); steps_.pop_front())
      rest.name += "/" + steps_.front().name;
    if (Done done = arrive(rest); !done) return done;
    found_->follow = true;
    return {};
  }
  if (++links_ > kMostLinks) return failed(ELOOP, as());
  std::array<char, PATH_MAX> text{};
  const ssize_t size = readlinkat(link.fd.get(), "", text.data(), text.size());
  if (size <= 0) return failed(size == 0 ? ENOENT : errno, as());
  std::optional<unsigned> owner = step.owner;
  if (link.st.st_uid != own_) owner = link.st.st_uid;
  if (step.owner && owner != step.owner) return foreign_link(*step.owner, link.st.st_uid);
  const string_view target(text.data(), static_cast<std::size_t>(size));
  put_in_front(target, owner);
  return target.front() == '/' ? enter_root() : Done();
}

Result<FilePlace> Walk::go(const string& path) {
  put_in_front(path, {});
  if (Done done = enter_root(); !done) return done.error();
  while (!found_ && !steps_.empty()) {
    const Step step = steps_.front();
    steps_.pop_front();
    if (Done done = take(step); !done) return done.error();
  }
  if (!found_) return failed(EISDIR, as());
  return std::move(*found_);
}

}  // namespace

int FilePlace::directory() const {
  return held ? held.get() : AT_FDCWD;
}

string FilePlace::base() const {
  return name.substr(name.rfind('/') + 1);
}

string FilePlace::beside(const string& other) const {
  return name.substr(0, name.size() - base().size()) + other;
}

Result<FilePlace> find_place(const string& path, const ActingUser* user, LastLink last, Parents parents) {
  if (user != nullptr && user->acts && path.starts_with('/')) return Walk(*user, last, parents).go(path);
  FilePlace out;
  out.path = out.name = last == LastLink::followed ? end_of_links(path) : path;
  out.follow = last == LastLink::followed;
  if (parents == Parents::made)
    for (auto slash = out.path.find('/', 1); slash != string::npos; slash = out.path.find('/', slash + 1))
      mkdir(out.path.substr(0, slash).c_str(), 0700);
  return out;
}

namespace {

/// Checks whether a link led to another user's file: by the open file, or (-1) at the place.
Done check_owner(const FilePlace& place, int file) {
  struct stat st {};
  const bool there = file >= 0
                         ? fstat(file, &st) == 0
                         : fstatat(place.directory(), place.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0;
  if (!place.owner || !there || st.st_uid == *place.owner) return {};
  return foreign_link(*place.owner, st.st_uid);
}

}  // namespace

/// Creates nothing at the end of another user's link.
Result<Fd> open_file(const FilePlace& place, int flags, mode_t mode) {
  const ActingAs as_user(place.as);
  if (as_user.error() != 0) return failed(as_user.error(), place.as);
  flags |= O_CLOEXEC | (place.follow ? 0 : O_NOFOLLOW);
  if (place.owner && *place.owner != (place.as != nullptr ? place.as->uid : geteuid())) flags &= ~O_CREAT;
  if (Done done = place.owner ? check_owner(place, -1) : Done(); !done) return done.error();
  Fd file(openat(place.directory(), place.name.c_str(), flags, mode));
  if (!file) return failed(errno, place.as);
  if (Done done = place.owner ? check_owner(place, file.get()) : Done(); !done) return done.error();
  return file;
}

Fd open_beside(const FilePlace& place, const string& other, int flags, mode_t mode) {
  const ActingAs as_user(place.as);
  if (as_user.error() != 0) return {};
  return Fd(openat(place.directory(), place.beside(other).c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode));
}

namespace {

std::optional<FileAttributes> attributes_in(const struct stat& st) {
  if (!S_ISREG(st.st_mode)) return std::nullopt;
  return FileAttributes{st.st_mode & 0777, st.st_uid, st.st_gid};
}

}  // namespace

std::optional<FileAttributes> attributes_of(int file) {
  struct stat st {};
  if (fstat(file, &st) != 0) return std::nullopt;
  return attributes_in(st);
}

std::optional<FileAttributes> attributes_beside(const FilePlace& place, const string& other) {
  const ActingAs as_user(place.as);
  struct stat st {};
  if (as_user.error() != 0 ||
      fstatat(place.directory(), place.beside(other).c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
    return std::nullopt;
  return attributes_in(st);
}

void give_attributes(const FilePlace& place, int file, const FileAttributes& wanted) {
  const ActingAs as_user(place.as);
  struct stat st {};
  if (as_user.error() != 0 || fstat(file, &st) != 0) return;
  const bool differs = st.st_uid != wanted.owner || st.st_gid != wanted.group;
  bool group_is_right = !differs || fchown(file, wanted.owner, wanted.group) == 0;
  if (!group_is_right) group_is_right = fchown(file, static_cast<uid_t>(-1), wanted.group) == 0;
  mode_t mode = wanted.mode;
  if (!group_is_right) mode = (mode & 0707) | (mode & 0070 & ((mode & 0007) << 3));
  [[maybe_unused]] const int given = fchmod(file, mode);
}

bool remove_beside(const FilePlace& place, const string& other) {
  const ActingAs as_user(place.as);
  return as_user.error() == 0 && unlinkat(place.directory(), place.beside(other).c_str(), 0) == 0;
}

Fd open_directory_of(const FilePlace& place) {
  constexpr int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  const ActingAs as_user(place.as);
  if (as_user.error() != 0) return {};
  if (place.held) return Fd(openat(place.held.get(), ".", flags));
  const string parent = place.beside("");
  return Fd(open(parent.empty() ? "." : parent.c_str(), flags));
}

const ActingUser* rights_at(const string& path, const ActingUser& user) {
  auto place = find_place(path, &user);
  if (!place) return place.error().doing.empty() && place.error().reason != Reason::refused ? nullptr : &user;
  return place->owner ? &user : place->as;
}

Error cannot_at(string doing, const Error& error) {
  return {error.reason, std::move(doing), error.doing.empty() ? error.about : error.doing, error.errnum};
}

string trouble_at(const string& path, const Error& error) {
  string out = path + (error.doing.empty() ? "" : " " + error.doing) + ": " + error.why();
  if (!error.doing.empty() && (error.errnum == EACCES || error.errnum == EPERM))
    out += "; give that user the right to it, or choose a directory that only root may write";
  return out;
}

}  // namespace keeper
