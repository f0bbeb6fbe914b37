#include "protocol/store/home_inside.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "protocol/base/files.hpp"
#include "protocol/base/users.hpp"

namespace keeper::inside {

using std::string;
using std::string_view;

namespace {

bool is_dots(const char* name) {
  return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0;
}

}  // namespace

Fd open_directory(int at, const char* name, Home::Create create) {
  Fd directory(openat(at, name, kDirectory));
  if (directory || errno != ENOENT || create == Home::Create::no) return directory;
  if (mkdirat(at, name, kPrivateDirectory) == 0) {
    // Restores the bits that a strict umask removed.
    if (fchmodat(at, name, kPrivateDirectory, 0) != 0) return {};
  } else if (errno != EEXIST) {
    return {};
  }
  return Fd(openat(at, name, kDirectory));
}

Error foreign(const string& doing, const string& path, uid_t owner) {
  return {Reason::refused, doing,
          path + " belongs to " + user_text(owner) + ", not to " + user_text(geteuid()) + "; remove it", 0};
}

Error not_as_it_should_be(const string& doing, const string& path, mode_t mode, const char* wanted) {
  string what = S_ISLNK(mode) ? " is a symbolic link" : string(" is no ") + wanted;
  return {Reason::refused, doing, path + what + "; remove it", 0};
}

Result<Fd> open_own_directory(int at, const char* name, Home::Create create, const string& doing,
                              const string& path) {
  Fd directory = open_directory(at, name, create);
  struct stat found {};
  if (!directory && errno == ENOTDIR && fstatat(at, name, &found, AT_SYMLINK_NOFOLLOW) == 0)
    return not_as_it_should_be(doing, path, found.st_mode, "directory");
  if (!directory || fstat(directory.get(), &found) != 0) return file_error(doing);
  if (found.st_uid != geteuid()) return foreign(doing, path, found.st_uid);
  return directory;
}

Done check_stem(string_view stem, const string& doing) {
  if (AppId::parse(stem)) return {};
  return Error{Reason::invalid, doing, "'" + string(stem) + "' is no name for an app", 0};
}

Directory read_directory(int at, const char* name) {
  Fd directory(openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  Directory reader(directory ? fdopendir(directory.get()) : nullptr, closedir);
  if (reader) directory.release();
  return reader;
}

bool remove_all(int at, const char* name) {
  if (unlinkat(at, name, 0) == 0 || errno == ENOENT) return true;
  if (errno != EISDIR) return false;
  if (Directory reader = read_directory(at, name))
    while (const dirent* entry = readdir(reader.get()))
      if (!is_dots(entry->d_name) && !remove_all(dirfd(reader.get()), entry->d_name)) return false;
  return unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT;
}

bool move_aside(int directory, const string& name) {
  const string aside = name + ".damaged";
  if (renameat(directory, name.c_str(), directory, aside.c_str()) == 0) return true;
  return remove_all(directory, aside.c_str()) &&
         renameat(directory, name.c_str(), directory, aside.c_str()) == 0;
}

}  // namespace keeper::inside
