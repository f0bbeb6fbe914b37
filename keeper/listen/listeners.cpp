#include "keeper/listen/listeners.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace keeper {
namespace {

/// Looks at the file at the path of an address; returns false if there is none, or it may not be seen.
bool look_at(const FilePlace& place, struct stat& into) {
  const ActingAs as_user(place.as);
  return as_user.error() == 0 &&
         fstatat(place.directory(), place.name.c_str(), &into, AT_SYMLINK_NOFOLLOW) == 0;
}

void note_file(Listeners::One& one, const ActingUser* user) {
  struct stat st {};
  if (!one.address.has_file()) return;
  const auto place = find_place(one.address.path, user, LastLink::kept);
  if (!place || !look_at(*place, st)) return;
  one.device = st.st_dev;
  one.file = st.st_ino;
}

/// Returns the second name of a socket, beside its path: from it a removed path can be linked again, and
/// nothing else can give a bound socket a name.
std::string second_name(const FilePlace& place) {
  return "." + place.base() + ".keeper";
}

bool is_file_of(const Listeners::One& one, const struct stat& st) {
  return S_ISSOCK(st.st_mode) && st.st_dev == one.device && st.st_ino == one.file;
}

/// Returns whether the socket has that name in its directory. With the rights of `place`.
bool has_name(const Listeners::One& one, const FilePlace& place, const std::string& base) {
  struct stat st {};
  return fstatat(place.directory(), place.beside(base).c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 &&
         is_file_of(one, st);
}

/// Links one of its two names to the other. Returns false and errno as linkat(2) does.
bool give_name(const FilePlace& place, const std::string& from, const std::string& to) {
  return linkat(place.directory(), place.beside(from).c_str(), place.directory(), place.beside(to).c_str(),
                0) == 0;
}

/// Does nothing if the file system has no links.
void keep_second_name(const Listeners::One& one, const ActingUser* user) {
  if (!one.address.has_file() || one.file == 0) return;
  const auto place = find_place(one.address.path, user, LastLink::kept);
  if (!place) return;
  const ActingAs as_user(place->as);
  const std::string second = second_name(*place);
  if (as_user.error() != 0 || !has_name(one, *place, place->base()) || has_name(one, *place, second)) return;
  struct stat st {};
  const std::string there = place->beside(second);
  if (fstatat(place->directory(), there.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
    if (!S_ISSOCK(st.st_mode)) return;
    unlinkat(place->directory(), there.c_str(), 0);  // left by a killed keeper
  }
  give_name(*place, place->base(), second);
}

void remove_path(const Listeners::One& one, const ActingUser* user) {
  if (!one.address.has_file() || !one.socket) return;
  const auto place = find_place(one.address.path, user, LastLink::kept);
  if (!place) return;
  const ActingAs as_user(place->as);
  if (as_user.error() != 0) return;
  for (const std::string& name : {place->base(), second_name(*place)})
    if (has_name(one, *place, name)) unlinkat(place->directory(), place->beside(name).c_str(), 0);
}

/// Returns whether clients cannot connect: the file is gone, or another's. False if that cannot be seen.
bool is_cut_off(const Listeners::One& one, const ActingUser* user) {
  if (!one.address.has_file() || !one.socket || one.file == 0) return false;
  const auto is_missing = [](int error) { return error == ENOENT || error == ENOTDIR; };
  const auto place = find_place(one.address.path, user, LastLink::kept);
  if (!place) return is_missing(place.error().errnum);
  struct stat st {};
  if (!look_at(*place, st)) return is_missing(errno);
  return !is_file_of(one, st);
}

bool link_again(const Listeners::One& one, const ActingUser* user) {
  const auto place = find_place(one.address.path, user, LastLink::kept);
  if (!place) return false;
  const ActingAs as_user(place->as);
  return as_user.error() == 0 && has_name(one, *place, second_name(*place)) &&
         give_name(*place, second_name(*place), place->base());
}

}  // namespace

Done Listeners::open_one(One& one) const {
  ListenOptions options;
  options.user = user_;
  auto made = open_listener(one.address, options);
  if (!made) return made.error();
  one.socket = std::move(*made);
  note_file(one, user_);
  keep_second_name(one, user_);
  return {};
}

Listeners::One* Listeners::find(const std::string& place) {
  for (auto* list : {&all_, &others_})
    for (One& one : *list)
      if (one.address.place() == place) return &one;
  return nullptr;
}

void Listeners::want(const std::vector<ListenAddress>& addresses) {
  std::vector<One> wanted;
  for (const ListenAddress& address : addresses) {
    One& one = wanted.emplace_back();
    if (One* held = find(address.place())) one = std::move(*held);
    one.address = address;
  }
  for (auto* list : {&all_, &others_})
    std::erase_if(*list, [](const One& one) { return !one.socket; });
  std::move(all_.begin(), all_.end(), std::back_inserter(others_));
  all_ = std::move(wanted);
}

Done Listeners::open_missing() {
  std::optional<Error> failed;
  for (One& one : all_)
    if (!one.socket)
      if (Done done = open_one(one); !done && !failed) failed = done.error();
  if (failed) return *failed;
  return {};
}

bool Listeners::take(const std::string& place, Fd socket, std::uint64_t device, std::uint64_t file) {
  for (One& one : all_) {
    if (one.socket || one.address.place() != place || !listens_at(socket.get(), one.address)) continue;
    one.socket = std::move(socket);
    one.device = device;
    one.file = file;
    keep_second_name(one, user_);
    return true;
  }
  return false;
}

std::vector<std::string> Listeners::mend_paths() {
  std::vector<std::string> out;
  for (const One& one : all_)
    if (is_cut_off(one, user_) && link_again(one, user_)) out.push_back(one.address.place());
  return out;
}

std::vector<std::string> Listeners::cut_off() const {
  std::vector<std::string> out;
  for (const One& one : all_)
    if (is_cut_off(one, user_)) out.push_back(one.address.path);
  return out;
}

void Listeners::close_cut_off() {
  for (One& one : all_)
    if (is_cut_off(one, user_)) {
      remove_path(one, user_);
      one.socket.reset();
    }
}

std::vector<Fd> Listeners::files() const {
  std::vector<Fd> out;
  for (const One& one : all_) {
    if (!one.address.has_file() || !one.socket) continue;
    const auto place = find_place(one.address.path, user_, LastLink::kept);
    if (Fd file = place ? open_beside(*place, place->base(), O_PATH) : Fd()) out.push_back(std::move(file));
  }
  return out;
}

std::vector<std::string> Listeners::drop_others() {
  std::vector<std::string> out;
  for (const One& one : others_) {
    remove_path(one, user_);
    out.push_back(one.address.place());
  }
  others_.clear();
  return out;
}

void Listeners::remove_paths() const {
  for (const auto* list : {&all_, &others_})
    for (const One& one : *list)
      remove_path(one, user_);
}

std::vector<int> Listeners::sockets() const {
  std::vector<int> out;
  for (const One& one : all_)
    if (one.socket) out.push_back(one.socket.get());
  return out;
}

void Listeners::make_blocking() const {
  for (int socket : sockets())
    if (const int flags = fcntl(socket, F_GETFL); flags >= 0 && (flags & O_NONBLOCK) != 0)
      fcntl(socket, F_SETFL, flags & ~O_NONBLOCK);
}

std::string Listeners::held_name(const std::string& place) {
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (unsigned char c : place)
    hash = (hash ^ c) * 1099511628211u;
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "listen.";
  for (int i = 0; i < 12; ++i)
    out += kDigits[hash >> (4 * i) & 15];
  return out;
}

std::string listen_names(const std::vector<ListenAddress>& addresses, const std::string& app) {
  std::string out;
  for (const ListenAddress& address : addresses)
    out += (out.empty() ? "" : ":") + (address.name.empty() ? app : address.name);
  return out;
}

}  // namespace keeper
