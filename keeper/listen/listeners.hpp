// The sockets that a keeper holds for its program: opened before the first run and held until the last one
// has ended, so clients that connect meanwhile wait in the queue. Passive.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "keeper/listen/open_listener.hpp"

namespace keeper {

class Listeners {
 public:
  /// `user` (null: no other user) must outlive this: its rights count at a path (file_place.hpp).
  explicit Listeners(const ActingUser* user = nullptr) : user_(user) {}

  struct One {
    ListenAddress address;
    Fd socket;                 ///< none: not opened (yet)
    std::uint64_t device = 0;  ///< of the file of a path, so that another's file is not removed
    std::uint64_t file = 0;
  };

  /// Sets the addresses, in this order. Keeps sockets that are held already; also those of other addresses,
  /// until drop_others().
  void want(const std::vector<ListenAddress>& addresses);
  /// Opens the missing sockets. Errors: of the first that fails; the others are opened.
  Done open_missing();
  /// Continues with a socket that an earlier keeper opened. Returns false if its address is not wanted.
  bool take(const std::string& place, Fd socket, std::uint64_t device, std::uint64_t file);
  /// Restores removed paths: each socket has a second name beside its path, ".NAME.keeper". Returns the
  /// restored ones.
  std::vector<std::string> mend_paths();
  /// Returns the paths at which clients cannot connect: the file is gone, or another's.
  std::vector<std::string> cut_off() const;
  /// Closes the sockets of these paths: open_missing() opens them again.
  void close_cut_off();
  /// Returns the files of their paths (O_PATH), for watching.
  std::vector<Fd> files() const;
  /// Closes those that are not wanted any more, and removes their paths. Returns their places.
  std::vector<std::string> drop_others();
  /// Removes the paths at the end of the app.
  void remove_paths() const;

  /// The wanted ones.
  const std::vector<One>& all() const { return all_; }
  bool empty() const { return all_.empty(); }
  /// Returns the open ones, in the order of the addresses.
  std::vector<int> sockets() const;
  /// Every program begins with blocking sockets (sd_listen_fds(3)), whatever the one before set.
  void make_blocking() const;

  /// Returns the name under which a descriptor store holds the socket of that place: at most 19 bytes.
  static std::string held_name(const std::string& place);

 private:
  One* find(const std::string& place);
  Done open_one(One& one) const;

  const ActingUser* user_;

  std::vector<One> all_;
  std::vector<One> others_;
};

/// Returns the names of sockets for the program: LISTEN_FDNAMES of sd_listen_fds(3), separated by colons. A
/// socket without a name has the app's.
std::string listen_names(const std::vector<ListenAddress>& addresses, const std::string& app);

}  // namespace keeper
