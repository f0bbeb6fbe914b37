// One client's connection: reads bytes, passes requests to the Service, sends replies in the order they come.
#pragma once
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "keeper/control/server.hpp"
#include "protocol/base/line_buffer.hpp"

namespace keeper {

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Shared& shared, Fd socket, Caller caller);
  ~Session();

  /// `on_end` is called once, from the loop, when the connection is over.
  void start(std::function<void()> on_end);
  /// Queues one line (its newline is added) and sends as much as the client takes now.
  void send(std::string line);
  /// Sends what can be sent now, then ends.
  void finish();
  void end();
  bool ended() const { return ended_; }
  /// Returns whether the client waits for no reply and sends no request: half a request is none. `reads`: it
  /// has read everything sent to it.
  bool is_idle(bool reads);

  /// Begins the connection's only stream. Returns false if it has one already.
  bool begin_stream();
  /// Queues one line (with its newline) of a stream; false if 1 MiB waits already, or 4 MiB for all.
  bool notify(std::string line);
  /// Sends the descriptor beside the next bytes.
  void attach(Fd fd) { beside_ = std::move(fd); }
  /// Calls back when all that waits has been sent; if nothing waits, when another session has sent something
  /// or has ended.
  void when_drained(std::function<void()> then);
  void when_closed(std::function<void()> then) { on_closed_ = std::move(then); }

 private:
  class Collector;
  class EventOutlet;
  template <class Doing>
  void end_without_memory(Doing doing);
  void read_first();
  void read_on();
  bool take_bytes();
  void end_if_done();
  void watch_for_end();
  bool room_for(std::size_t bytes) const;
  void take_lines();
  void go_on_taking();
  void take(std::string_view line);
  void queue(std::string line);
  void put_out();
  void has_taken(std::size_t bytes);
  void tell_drained();
  bool may_take() const;
  bool may_read() const;

  int fd() { return waiter_ ? waiter_->native_handle() : socket_.get(); }
  asio::posix::stream_descriptor* waiter();

  Fd socket_;  ///< until it must be watched: most clients have sent their request before they are accepted,
               ///< and leave then
  std::optional<asio::posix::stream_descriptor> waiter_;
  Shared& shared_;
  Caller caller_;
  LineBuffer lines_{kMostLine};
  std::size_t counted_in_ = 0;
  std::string out_;
  Fd beside_;  ///< sent with them
  std::size_t sent_ = 0;
  bool reading_ = false;
  bool received_ = false;  ///< anything at all
  bool writing_ = false;
  bool taking_ = false;
  bool watching_ = false;
  bool closing_ = false;    ///< the last line is being sent
  bool asked_all_ = false;  ///< the client sends no more (it said so, or shutdown(2)), and may still read
  int owed_ = 0;            ///< lines without a reply yet
  bool streams_ = false;
  bool ended_ = false;
  std::function<void()> on_drained_;
  std::function<void()> on_closed_;
  std::function<void()> on_end_;
};

}  // namespace keeper
