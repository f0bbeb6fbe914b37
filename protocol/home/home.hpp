// Home: the directory that keepers and ctl share. Who is allowed, what is called how, who holds which name.
//
//   sock/STEM.sock         one per live keeper, bound under the lock
//   sock/STEM.ask          beside it, for questions by datagram
//   apps/STEM/lock         OFD lock (fcntl(2), F_OFD_SETLK): one keeper per name, ever; gone with the last
//   process
//                          that inherited it
//   apps/STEM/spec.json    what to run; 0600, fsynced
//   apps/STEM/status.json  last known status, for `ctl` when no keeper lives
//   apps/STEM/pid          the child's pid, for scripts
//   logs/STEM.log          its output
//
// STEM is NAME, or NAME:1, NAME:2 for further instances. Order at a start: lock, unlink a stale socket, bind,
// then the first record that says the app lives. Records are written beside and renamed, never emptied first.
// ctl asks about a lock and never takes it, but to delete or mend an app. All of it works where a socket's
// path is longer than sun_path (107 bytes): such a socket is reached through /proc/self/fd/N/.
#pragma once
#include <sys/un.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/home/acting_as.hpp"
#include "protocol/wire/history.hpp"
#include "protocol/wire/spec.hpp"

namespace keeper {

/// Owns one file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int release() {
    int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset();

 private:
  int fd_ = -1;
};

/// One instance of an app, as the files name it.
struct AppId {
  std::string name;
  int instance = 0;
  std::string stem() const { return file_stem(name, instance); }
  /// "api" or "api:2"; nothing for what is no legal stem (so a foreign file in the home is passed over).
  static std::optional<AppId> parse(std::string_view stem);
  auto operator<=>(const AppId&) const = default;
};

/// What `keeper --start` ends with, without a word, where another keeper has taken the name meanwhile
/// (EX_TEMPFAIL, sysexits.h).
inline constexpr int kTakenExit = 75;

class Home {
 public:
  enum class Create { no, yes };

  /// $KEEPER_HOME, else .keeper in $HOME, else in the home directory that passwd names. Made absolute.
  /// Errors: refused (HOME is another user's, and has none of this user's in it), not_found (none of them).
  static Result<std::string> default_path();

  /// Opens the directory and checks it: a real directory, ours, nobody else may enter (a wider mode of our
  /// own is narrowed to 0700). With Create::yes it and sock/, apps/, logs/ are made (and missing parents of
  /// it). Errors: refused (a symbolic link, another owner: says which), not_found (Create::no and it is not
  /// there), failed.
  static Result<Home> open(std::string path, Create create);

  Home(Home&&) = default;
  Home& operator=(Home&&) = default;

  const std::string& path() const { return path_; }
  unsigned owner() const { return owner_; }  ///< a uid
  /// The user whose rights count if the user of a program may have chosen a path; the home stays its owner's.
  ActingUser acting_user(const Spec& spec) const;
  std::string socket_path(std::string_view stem) const;
  std::string app_dir(std::string_view stem) const;
  std::string spec_path(std::string_view stem) const;
  std::string status_path(std::string_view stem) const;
  std::string pid_path(std::string_view stem) const;
  std::string state_path(std::string_view stem) const;
  std::string log_path(std::string_view stem) const;
  /// Of its stderr, where the streams are kept apart.
  std::string error_log_path(std::string_view stem) const;

  /// How long one that holds a lock for a moment is waited for: a keeper that is just leaving, a command.
  static constexpr Millis kLockWait{500};
  /// Takes the lock of STEM, creating apps/STEM, waiting up to `wait` while another holds it. The lock lives
  /// as long as any copy of the descriptor (which is close-on-exec). Errors: already (another holds it),
  /// failed. Guards against a directory that was deleted and made again meanwhile.
  Result<Fd> lock(std::string_view stem, Millis wait) const;
  /// Whether somebody else holds it (F_OFD_GETLK; takes nothing, creates nothing).
  bool locked(std::string_view stem) const;

  /// Whether that is the file of its lock, and not of one that was removed.
  bool is_lock_of(std::string_view stem, int file) const;

  /// The file of the app's state page, for reading and writing, made where it is missing. Anything but a file
  /// of ours is moved aside ("state.damaged"). Only under the lock. Errors: failed.
  Result<Fd> open_state(std::string_view stem) const;

  /// Only under the lock: removes a stale socket of that name, binds, listens (backlog 128). The socket is
  /// 0600, non-blocking, close-on-exec.
  Result<Fd> bind_socket(std::string_view stem) const;
  /// The same for questions that need no connection: a datagram socket beside that one, which is told the
  /// credentials of whoever sends (SO_PASSCRED, unix(7)).
  Result<Fd> bind_ask_socket(std::string_view stem) const;
  /// Where that is, which all_sockets() has named, so that it is no link; nothing where the path is too long
  /// for an address.
  std::optional<sockaddr_un> ask_address(std::string_view stem) const;
  /// Both. Only under the lock.
  void unlink_socket(std::string_view stem) const;
  /// A connected, non-blocking, close-on-exec stream socket. Errors: not_found (no such file), unreachable
  /// (nobody listens, or its queue is full), refused (a link, no socket, another user's, or another user
  /// listens there: unix(7), SO_PEERCRED), failed.
  /// `listed`: sockets() has just named it, so it is a socket and no link; and check_listener() is left to
  /// the caller, who may have something to do before.
  enum class Listed : bool { no, yes };
  Result<Fd> connect_socket(std::string_view stem, Listed listed = Listed::no) const;
  /// Refused where another user listens at the other end of a connection.
  Done check_listener(int connection, const std::string& doing) const;

  /// Every stem with a socket, with one for questions, and with a directory under apps/; sorted by name, then
  /// instance.
  struct Sockets {
    std::vector<AppId> listening, asked;
  };
  Sockets all_sockets() const;
  std::vector<AppId> sockets() const { return all_sockets().listening; }
  std::vector<AppId> apps() const;

  /// Links and files of other users are refused; a directory in the place of a record that is written is
  /// moved aside ("NAME.damaged"). The name in a spec that was read is that of its directory. spec.json is
  /// fsynced (with its directory) before the rename is reported; status.json and pid are not.
  Done write_spec(std::string_view stem, const Spec& spec) const;
  Result<Spec> read_spec(std::string_view stem) const;
  /// Its file, for reading: what it says can be read whatever becomes of its name.
  Result<Fd> open_spec(std::string_view stem) const;
  Result<Spec> read_spec(std::string_view stem, int file) const;
  /// A copy of that file which has no name, so that nobody can change it by a name; its time of modification
  /// is the file's. The file itself where it has no name any more, or no copy can be made (no room, a file
  /// system without O_TMPFILE).
  Fd private_spec(std::string_view stem, Fd file) const;
  Done write_status(std::string_view stem, const Status& status,
                    const std::vector<RunRecord>& runs = {}) const;
  /// Where a keeper was killed before it could record its newest run, that run's pid is in it all the same.
  Result<Status> read_status(std::string_view stem) const;
  /// The runs that the record holds, newest last; none where there is no record, or an older one.
  std::vector<RunRecord> read_runs(std::string_view stem) const;
  /// Removes apps/STEM with all that is in it; under the lock. Logs stay.
  Done remove_app(std::string_view stem) const;
  /// Removes what a removal that was broken off has left; under the lock.
  Done finish_removal(std::string_view stem) const;

 private:
  void take_newer_pid(std::string_view stem, Status& status) const;
  Home(std::string path, Fd directory, unsigned owner)
      : path_(std::move(path)), directory_(std::move(directory)), owner_(owner) {}
  Done make_rooms() const;
  Result<Fd> open_app(std::string_view stem, Create create, const std::string& doing) const;
  Result<Fd> open_lock(std::string_view stem) const;
  Result<Fd> bind_at(const std::string& name, int type, const std::string& doing) const;
  Done check_socket(const std::string& name, const std::string& path, const std::string& doing) const;
  Done write_record(std::string_view stem, const char* name, std::string_view text, bool sync) const;
  Result<Fd> open_state_in(int app, const std::string& doing) const;
  Result<std::string> read_record(std::string_view stem, const char* name, std::size_t most) const;

  std::string path_;
  Fd directory_;    ///< what everything inside is reached from: a home that is moved stays the same home
  unsigned owner_;  ///< uid
};

/// Writes beside and renames, so that a reader sees the old text or the new one, whole. Its mode
/// is that, whatever the umask.
Done write_file_atomically(const std::string& path, std::string_view text, bool sync, unsigned mode = 0600);
/// The same for a file of a directory that is open; `path` is what errors call it.
Done write_file_at(int directory, const std::string& name, std::string_view text, bool sync,
                   const std::string& path, unsigned mode = 0600);
/// A whole file of at most `most` bytes; links are not followed. Errors: not_found, too_large, failed.
Result<std::string> read_file(const std::string& path, std::size_t most);

/// The name of a user in /etc/passwd; empty for one who is not there.
std::string passwd_name(unsigned uid);

/// Start time of a process in clock ticks since boot (proc(5), stat field 22): with the pid it names a
/// process for the whole life of a kernel. Nothing if there is no such process, or it is a zombie.
std::optional<std::uint64_t> process_start(int pid);
/// /proc/sys/kernel/random/boot_id
std::string boot_id();

}  // namespace keeper
