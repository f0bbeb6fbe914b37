// The sockets that a keeper holds for its program: opened before the first run, and held until the last one
// has ended, so that whoever connects meanwhile waits in the queue. Passive.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "keeper/listen/open_listener.hpp"

namespace keeper {

class Listeners {
 public:
  /// `user` (null: nobody else) outlives this: whose rights count at a path (protocol/home/file_place.hpp).
  explicit Listeners(const ActingUser* user = nullptr) : user_(user) {}

  struct One {
    ListenAddress address;
    Fd socket;                 ///< none: it could not be had (yet)
    std::uint64_t device = 0;  ///< of the file of a path, so that another's is not removed
    std::uint64_t file = 0;
  };

  /// These are the addresses from now on, in this order: sockets that are held already are kept, those of
  /// other addresses are kept too until drop_others().
  void want(const std::vector<ListenAddress>& addresses);
  /// Opens those that are missing. Errors: of the first that cannot be had; the others are opened.
  Done open_missing();
  /// Goes on with a socket that an earlier keeper opened. False: it is none of a wanted address.
  bool take(const std::string& place, Fd socket, std::uint64_t device, std::uint64_t file);
  /// Paths that were removed are made again: each socket has a second name beside its path, ".NAME.keeper".
  /// Those that were.
  std::vector<std::string> mend_paths();
  /// Paths where nobody can connect: the file is gone, or another's.
  std::vector<std::string> cut_off() const;
  /// Closes the sockets of these: open_missing() opens them anew.
  void close_cut_off();
  /// The files of their paths (O_PATH), to be watched.
  std::vector<Fd> files() const;
  /// Closes those that are not wanted any more, and removes their paths. What they were.
  std::vector<std::string> drop_others();
  /// At the end of the app: removes the paths.
  void remove_paths() const;

  /// Those that are wanted.
  const std::vector<One>& all() const { return all_; }
  bool empty() const { return all_.empty(); }
  /// Of those that are had, in the order of the addresses.
  std::vector<int> sockets() const;
  /// Every program begins with sockets that block (sd_listen_fds(3)), whatever the one before it did.
  void make_blocking() const;

  /// The name by which a descriptor store holds the socket of such a place: at most 19 bytes.
  static std::string held_name(const std::string& place);

 private:
  One* find(const std::string& place);
  Done open_one(One& one) const;

  const ActingUser* user_;

  std::vector<One> all_;
  std::vector<One> others_;
};

/// What the names of sockets are for the program: LISTEN_FDNAMES of sd_listen_fds(3), with colons between.
/// One without a name has that of the app.
std::string listen_names(const std::vector<ListenAddress>& addresses, const std::string& app);

}  // namespace keeper
