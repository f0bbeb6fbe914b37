// Home: the directory that keepers and ctl share: its permissions, its names, and the locks on names.
//
//   sock/STEM.sock         one per live keeper, bound under the lock
//   sock/STEM.ask          beside it, for questions by datagram
//   apps/STEM/lock         OFD lock (fcntl(2), F_OFD_SETLK): one keeper per name, ever; released with the
//                          last process that inherited it
//   apps/STEM/spec.json    what to run; 0600, fsynced
//   apps/STEM/status.json  last known status, for `ctl` when no keeper lives
//   apps/STEM/pid          the child's pid, for scripts
//   logs/STEM.log          its output
//
// STEM is NAME, or NAME:1, NAME:2 for further instances. Order at a start: lock, unlink a stale socket, bind,
// then the first record that says the app lives. Records are written beside and renamed, never emptied first.
// ctl queries a lock and never takes it, except to delete or mend an app. If a socket's path is longer than
// sun_path (107 bytes), the socket is reached through /proc/self/fd/N/.
#pragma once
#include <sys/un.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/acting_as.hpp"
#include "protocol/base/fd.hpp"
#include "protocol/wire/history.hpp"
#include "protocol/wire/spec.hpp"

namespace keeper {

/// One instance of an app, as the files name it.
struct AppId {
  std::string name;
  int instance = 0;
  std::string stem() const { return file_stem(name, instance); }
  /// Parses "api" or "api:2"; nothing for text that is not a legal stem (foreign files are skipped).
  static std::optional<AppId> parse(std::string_view stem);
  auto operator<=>(const AppId&) const = default;
};

/// The exit code of `keeper --start`, without a message, if another keeper has taken the name meanwhile, or
/// if the program that was to be stopped has ended (EX_TEMPFAIL, sysexits.h).
inline constexpr int kTakenExit = 75;

class Home {
 public:
  enum class Create { no, yes };

  /// Returns $KEEPER_HOME, else .keeper in $HOME, else in passwd's home directory, as an absolute path.
  /// Errors: refused (HOME is another user's and holds no home of this user), not_found (none of them).
  static Result<std::string> default_path();

  /// Opens the directory and checks it: a real directory of this user, which no other user may enter (a wider
  /// mode is narrowed to 0700). Create::yes makes it, sock/, apps/, logs/ and missing parents. Errors:
  /// refused (a symbolic link, another owner: says which), not_found (Create::no and it is missing), failed.
  static Result<Home> open(std::string path, Create create);

  Home(Home&&) = default;
  Home& operator=(Home&&) = default;

  const std::string& path() const { return path_; }
  unsigned owner() const { return owner_; }  ///< a uid
  /// Returns the user whose rights count if that user may have chosen a path; the home stays its owner's.
  ActingUser acting_user(const Spec& spec) const;
  std::string socket_path(std::string_view stem) const;
  std::string app_dir(std::string_view stem) const;
  std::string spec_path(std::string_view stem) const;
  std::string status_path(std::string_view stem) const;
  std::string pid_path(std::string_view stem) const;
  std::string state_path(std::string_view stem) const;
  std::string log_path(std::string_view stem) const;
  /// Returns the path for its stderr, if the streams are kept apart.
  std::string error_log_path(std::string_view stem) const;

  /// Time to wait for a process that holds a lock for a moment: a keeper that is leaving, a command.
  static constexpr Millis kLockWait{500};
  /// Takes the lock of STEM, creates apps/STEM, and waits up to `wait` while another process holds it. The
  /// lock lives as long as any copy of the descriptor (which is close-on-exec). Errors: already (another
  /// process holds it), failed. Detects a directory that was deleted and made again meanwhile.
  Result<Fd> lock(std::string_view stem, Millis wait) const;
  /// Returns whether another process holds it (F_OFD_GETLK; takes nothing, creates nothing).
  bool locked(std::string_view stem) const;

  /// Returns whether that is the file of its lock, and not of a removed one.
  bool is_lock_of(std::string_view stem, int file) const;

  /// Opens the file of the app's state page for reading and writing, and makes it if it is missing. Moves a
  /// foreign file aside ("state.damaged"). Only under the lock. Errors: failed.
  Result<Fd> open_state(std::string_view stem) const;

  /// Removes a stale socket of that name, binds, and listens (backlog 128). Only under the lock. The socket
  /// is 0600, non-blocking, close-on-exec.
  Result<Fd> bind_socket(std::string_view stem) const;
  /// Does the same for questions without a connection: a datagram socket beside that one, which receives the
  /// credentials of each sender (SO_PASSCRED, unix(7)).
  Result<Fd> bind_ask_socket(std::string_view stem) const;
  /// Returns its address, after all_sockets() has named it, so that it is not a link; nothing if the path is
  /// too long for an address.
  std::optional<sockaddr_un> ask_address(std::string_view stem) const;
  /// Removes both. Only under the lock.
  void unlink_socket(std::string_view stem) const;
  /// Returns a connected, non-blocking, close-on-exec stream socket. Errors: not_found (no such file),
  /// unreachable (no process listens, or its queue is full), refused (a link, not a socket, another user's,
  /// or another user listens there: unix(7), SO_PEERCRED), failed.
  /// `listed`: sockets() has just named it, so it is a socket and not a link; the caller calls
  /// check_listener(), and may do something else before.
  enum class Listed : bool { no, yes };
  Result<Fd> connect_socket(std::string_view stem, Listed listed = Listed::no) const;
  /// Returns refused if another user listens at the other end of a connection.
  Done check_listener(int connection, const std::string& doing) const;

  /// The stems that have a socket, one for questions, and a directory under apps/; sorted by name, then
  /// instance.
  struct Sockets {
    std::vector<AppId> listening, asked;
  };
  Sockets all_sockets() const;
  std::vector<AppId> sockets() const { return all_sockets().listening; }
  std::vector<AppId> apps() const;

  /// Links and files of other users are refused; a directory in the place of a record is moved aside
  /// ("NAME.damaged") when it is written. A spec that was read has the name of its directory. spec.json is
  /// fsynced (with its directory) before the rename is reported; status.json and pid are not.
  Done write_spec(std::string_view stem, const Spec& spec) const;
  Result<Spec> read_spec(std::string_view stem) const;
  /// Opens its file for reading: the content stays readable whatever becomes of its name.
  Result<Fd> open_spec(std::string_view stem) const;
  Result<Spec> read_spec(std::string_view stem, int file) const;
  /// Returns a copy of that file without a name, so that no process can change it by a name; its modification
  /// time is the file's. Returns the file itself if it has no name any more, or if no copy can be made (no
  /// room, a file system without O_TMPFILE).
  Fd private_spec(std::string_view stem, Fd file) const;
  Done write_status(std::string_view stem, const Status& status,
                    const std::vector<RunRecord>& runs = {}) const;
  /// Has the pid of the newest run even if a keeper was killed before it could record that run.
  Result<Status> read_status(std::string_view stem) const;
  /// Returns the runs of the record, newest last; none if there is no record, or an older one.
  std::vector<RunRecord> read_runs(std::string_view stem) const;
  /// Removes apps/STEM with its content; under the lock. Logs stay.
  Done remove_app(std::string_view stem) const;
  /// Removes the rest of an interrupted removal; under the lock.
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
  Fd directory_;    ///< the base of everything inside: a home that is moved stays the same home
  unsigned owner_;  ///< uid
};

}  // namespace keeper
