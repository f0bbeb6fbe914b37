// The server's interface to the code that answers: one overload per request, so that a request declared on
// the wire does not link until it is answered.
#pragma once
#include <functional>
#include <memory>

#include "protocol/base/fd.hpp"
#include "protocol/wire/codec.hpp"

namespace keeper {

/// The client process (SO_PEERCRED, unix(7)).
struct Caller {
  int pid = 0;
  unsigned uid = 0;
};

/// One reply that is due, to be given once, now or later; it is discarded if the client has gone.
class Answer {
 public:
  /// The destination of a stream's notifications, until the connection ends.
  class Outlet {
   public:
    virtual ~Outlet() = default;
    virtual bool is_open() const = 0;
    /// Queues a line (with its newline); returns false if too much is unread already: then nothing is queued.
    virtual bool send(std::string line) = 0;
    /// Calls back once, from the loop, when there may be room again: the client has read all that waited; or,
    /// if nothing waits for it, another client has read.
    virtual void when_drained(std::function<void()> then) = 0;
    /// Calls back once, from the loop, when the connection is over.
    virtual void when_closed(std::function<void()> then) = 0;
  };
  class Sink {
   public:
    virtual ~Sink() = default;
    /// Errors: usage (in a batch), already (the connection has a stream).
    virtual Result<std::shared_ptr<Outlet>> open_stream() = 0;
    /// Returns whether a reply of that size may be queued: all clients together leave at most 4 MiB unread.
    virtual bool room_for(std::size_t bytes) const = 0;
    virtual void deliver(std::string reply) = 0;
    /// Sends the descriptor beside the next bytes.
    virtual void attach(Fd fd) = 0;
  };
  Answer(std::shared_ptr<Sink> sink, IdText id) : sink_(std::move(sink)), id_(std::move(id)) {}

  template <class R>
  void give(const R& result) const {
    if (!sink_) return;
    std::string text = reply_text(id_, result);
    if (!sink_->room_for(text.size()))
      text = error_text(id_, {rpc_code::server, "4 MiB of replies are unread already", Reason::busy});
    sink_->deliver(std::move(text));
  }
  /// Returns the connection's stream; nothing for a notification.
  Result<std::shared_ptr<Outlet>> open_stream() const {
    if (!sink_) return std::shared_ptr<Outlet>();
    return sink_->open_stream();
  }
  /// Sends a descriptor beside the reply, to a client that requests nothing else on its connection.
  void attach(Fd fd) const {
    if (sink_) sink_->attach(std::move(fd));
  }
  void fail(const Error& error) const {
    if (sink_) sink_->deliver(error_text(id_, to_rpc(error)));
  }

 private:
  std::shared_ptr<Sink> sink_;  ///< none for a notification
  IdText id_;
};

class Service {
 public:
  virtual ~Service() = default;
  virtual void handle(const Ping&, const Caller&, Answer) = 0;
  virtual void handle(const GetStatus&, const Caller&, Answer) = 0;
  virtual void handle(const GetSpec&, const Caller&, Answer) = 0;
  virtual void handle(const Stop&, const Caller&, Answer) = 0;
  virtual void handle(const RestartRun&, const Caller&, Answer) = 0;
  virtual void handle(const ReloadRun&, const Caller&, Answer) = 0;
  virtual void handle(const Scale&, const Caller&, Answer) = 0;
  virtual void handle(const SignalRun&, const Caller&, Answer) = 0;
  virtual void handle(const SendMessage&, const Caller&, Answer) = 0;
  virtual void handle(const ShareSocket&, const Caller&, Answer) = 0;
  virtual void handle(const GetLogs&, const Caller&, Answer) = 0;
  virtual void handle(const RotateLogs&, const Caller&, Answer) = 0;
  virtual void handle(const ReopenLogs&, const Caller&, Answer) = 0;
  virtual void handle(const FlushLogs&, const Caller&, Answer) = 0;
  virtual void handle(const Upgrade&, const Caller&, Answer) = 0;
  virtual void handle(const GetWhy&, const Caller&, Answer) = 0;
  virtual void handle(const WatchEvents&, const Caller&, Answer) = 0;
  virtual void handle(const Discover&, const Caller&, Answer) = 0;
  /// Reports that another user tried to connect.
  virtual void refused(const Caller&) = 0;
};

}  // namespace keeper
