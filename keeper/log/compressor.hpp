// Packs a backup with gzip, in a process of its own at the lowest priority, so that neither the keeper nor
// the kept program waits. The packed file is on disk (fsync) when it succeeds.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <optional>
#include <string>

#include "protocol/base/file_place.hpp"
#include "protocol/base/result.hpp"

namespace keeper {

class Compressor {
 public:
  /// `inode` of the packed file; on failure the content of `to` is invalid.
  using Done = std::function<void(bool good, std::uint64_t inode)>;

  Compressor(asio::io_context& io, Done done) : io_(io), done_(std::move(done)) {}

  /// Begins to pack `from` into the new file `to`: both in the log's directory, with the rights that count
  /// there, in a process of that user. One at a time. Errors: no process, no file.
  keeper::Done start(const FilePlace& log, const std::string& from, const std::string& to);
  /// The process, a child of this one; 0: none. No other code may reap it.
  int pid() const { return pid_; }

 private:
  void wait();
  void look();

  asio::io_context& io_;
  Done done_;
  int pid_ = 0;
  std::uint64_t inode_ = 0;
  std::optional<asio::posix::stream_descriptor> pidfd_;
};

}  // namespace keeper
