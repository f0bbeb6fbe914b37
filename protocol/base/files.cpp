#include "protocol/base/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "protocol/base/proc.hpp"
#include "protocol/base/units.hpp"
#include "protocol/base/users.hpp"

namespace keeper {

using std::string;
using std::string_view;

Error file_error(string doing) {
  Error error = system_error(std::move(doing));
  if (error.errnum == ENOENT) error.reason = Reason::not_found;
  if (error.errnum == ELOOP) error = {error.reason, error.doing, "it is a symbolic link", 0};
  return error;
}

string parent_of(const string& path) {
  auto slash = path.rfind('/');
  if (slash == string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Done write_all(int file, string_view text) {
  while (!text.empty()) {
    ssize_t put = write(file, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_error({});
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

namespace {

constexpr mode_t kPrivateFile = 0600;

/// Creates the temporary file beside the target. Its name is always the same, so the next writer replaces
/// what a killed writer left. The app's lock keeps two writers of one file apart.
Fd create_beside(int directory, const string& name) {
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Fd file(openat(directory, name.c_str(), flags, kPrivateFile));
  if (!file && errno == EEXIST && unlinkat(directory, name.c_str(), 0) == 0)
    file = Fd(openat(directory, name.c_str(), flags, kPrivateFile));
  return file;
}

Done fill(const Fd& file, string_view text, bool sync, mode_t mode) {
  if (fchmod(file.get(), mode) != 0) return system_error({});
  if (Done done = write_all(file.get(), text); !done) return done;
  if (sync && fdatasync(file.get()) != 0) return system_error({});
  return {};
}

Done sync_directory(int directory) {
  Fd open_one(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (open_one && (fsync(open_one.get()) == 0 || errno == EINVAL)) return {};  // EINVAL: needs none
  return system_error({});
}

/// Reads until the end, or until one byte more than `most`.
Result<string> read_all(int file, std::size_t expected, std::size_t most) {
  string text;
  std::size_t room = std::min(expected, most) + 1;  // the extra byte finds the end without a second buffer
  for (std::size_t used = 0; used <= most;) {
    text.resize(room);
    ssize_t got = read(file, text.data() + used, room - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error({});
    used += static_cast<std::size_t>(got);
    text.resize(used);
    if (got == 0) break;
    if (used == room) room = std::min(std::max<std::size_t>(room * 2, 4096), most + 1);
  }
  return text;
}

}  // namespace

Done write_file_at(int directory, const string& name, string_view text, bool sync, const string& path,
                   unsigned mode) {
  auto cannot = [&](Error error) {
    error.doing = "write " + path;
    return error;
  };
  const string beside = "." + name + ".new";
  Fd file = create_beside(directory, beside);
  if (!file) return cannot(system_error({}, "making " + beside));
  Done done = fill(file, text, sync, mode);
  if (done && renameat(directory, beside.c_str(), directory, name.c_str()) != 0) done = system_error({});
  if (!done) {
    unlinkat(directory, beside.c_str(), 0);
    return cannot(done.error());
  }
  if (!sync) return {};
  if (done = sync_directory(directory); !done) return cannot(done.error());
  return {};
}

Result<Fd> open_regular(int directory, const char* name, const string& doing, Owner owner) {
  // O_NONBLOCK: a FIFO in the place of a file must not block.
  Fd file(openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat at {};
  if (!file || fstat(file.get(), &at) != 0) return file_error(doing);
  if (!S_ISREG(at.st_mode)) return Error{Reason::failed, doing, "it is no regular file", 0};
  if (owner == Owner::we && at.st_uid != geteuid())
    return Error{Reason::refused, doing,
                 "it belongs to " + user_text(at.st_uid) + ", not to " + user_text(geteuid()) + "; remove it",
                 0};
  return file;
}

/// Reads from its beginning.
Result<string> read_file(int file, std::size_t most, const string& doing) {
  struct stat at {};
  if (fstat(file, &at) != 0 || lseek(file, 0, SEEK_SET) != 0) return system_error(doing);
  Result<string> text = read_all(file, static_cast<std::size_t>(at.st_size), most);
  if (!text) return Error{Reason::failed, doing, {}, text.error().errnum};
  if (text->size() <= most) return text;
  return Error{Reason::too_large, doing, "it is larger than " + size_text(most), 0};
}

Result<string> read_file_at(int directory, const char* name, std::size_t most, const string& path,
                            Owner owner) {
  const string doing = "read " + path;
  Result<Fd> file = open_regular(directory, name, doing, owner);
  if (!file) return file.error();
  return read_file(file->get(), most, doing);
}

Done write_file_atomically(const string& path, string_view text, bool sync, unsigned mode) {
  Fd directory(::open(parent_of(path).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return file_error("write " + path);
  return write_file_at(directory.get(), path.substr(path.rfind('/') + 1), text, sync, path, mode);
}

Result<string> read_file(const string& path, std::size_t most) {
  return read_file_at(AT_FDCWD, path.c_str(), most, path, Owner::anybody);
}

}  // namespace keeper
