// What `ctl doctor` looks at, gathered once (doctor_gather.hpp), so that what follows from it is decided
// without asking the system again (doctor_findings.hpp).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "protocol/client/fleet.hpp"

namespace keeper {

/// A file or directory that has to be the user's own.
struct PathFacts {
  enum class Kind { directory, file, socket };
  std::string path;
  Kind wanted = Kind::file;
  bool there = false;
  unsigned mode = 0;  ///< with its type, inode(7); of a link the link's own
  unsigned owner = 0;
};

/// A file that a program cannot be started without.
struct NeededFile {
  std::string role;  ///< "program", "interpreter", "directory", "env file"
  std::string path;
};

/// A process that says it keeps an app.
struct KeeperProcess {
  int pid = 0;
  int guard = 0;                ///< would start the next one; 0: it has none
  std::vector<int> children{};  ///< its program, and what that left to it
};

/// A program's own pid file (--pid-file), or apps/NAME/pid.
struct PidFile {
  std::string path;
  int pid = 0;  ///< what stands in it
};

struct AppFacts {
  AppId id;
  /// As `ctl list` has it; nothing for a socket or a directory that no record belongs to.
  std::optional<Row> row;
  bool locked = false;            ///< somebody holds its lock
  std::optional<Status> record;   ///< as it is on disk
  std::vector<Error> unreadable;  ///< records that are there and make no sense
  bool spec_is_readable = true;
  bool spec_is_gone = false;  ///< though other records are there
  std::vector<PathFacts> paths;
  bool stale_socket = false;  ///< nobody listens, and the lock is free
  std::vector<PidFile> stale_pid_files;
  std::vector<std::string> leftovers;      ///< half-written files that nobody alive owns
  std::vector<std::string> renaming_logs;  ///< logs whose rotation was broken off: they hold output
  std::vector<NeededFile> missing;
  std::vector<KeeperProcess> keepers;  ///< processes that say they keep it, in this home
  bool keeper_suspended = false;
  bool output_full = false;  ///< its program cannot write on: nobody reads
};

/// One file system that the home or logs are on.
struct Disk {
  std::string path;  ///< a directory on it
  std::uint64_t bytes = 0;
  std::uint64_t free_bytes = 0;  ///< for this user
  std::uint64_t files = 0;       ///< 0: it has no fixed number
  std::uint64_t free_files = 0;
  bool read_only = false;
};

/// How much of something there is, and how much is taken. A limit of 0 is not known, or none.
struct Room {
  std::uint64_t used = 0;
  std::uint64_t limit = 0;
};

struct SystemFacts {
  bool privileged = false;                  ///< some limits do not hold for root
  std::uint64_t descriptors = 0;            ///< RLIMIT_NOFILE, the hard one; 0: none
  Room inotify_instances, inotify_watches;  ///< of this user
  Room tasks;                               ///< processes and threads of the whole system
  Room user_tasks;                          ///< of this user, RLIMIT_NPROC
  Room pipe_pages;  ///< that the pipes of all kept programs take, of pipe-user-pages-soft
  bool clock_synchronised = true;
};

struct HomeFacts {
  std::string path;
  unsigned user = 0;  ///< whose it has to be
  std::string user_name;
  std::string version;  ///< of this ctl
  WallTime now{};
  bool whole = true;  ///< all of it was asked about, not some apps alone
  std::vector<PathFacts> rooms;
  std::optional<unsigned> narrowed_from;  ///< the home's mode before it was opened, where that changed it
  std::vector<std::string> half_removed;  ///< apps whose removal was broken off
  std::vector<Disk> disks;
  SystemFacts system;
  std::vector<AppFacts> apps;
};

}  // namespace keeper
