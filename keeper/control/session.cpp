#include "keeper/control/session.hpp"

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/post.hpp>
#include <cerrno>
#include <new>
#include <utility>

#include "protocol/base/discard.hpp"
#include "protocol/base/lifetime.hpp"
#include "protocol/base/pass_fd.hpp"

namespace keeper {
namespace {

constexpr std::size_t kMostUnread = 256 * 1024;
constexpr std::size_t kMostEvents = 1 << 20;  // of a stream
constexpr std::size_t kMostTogether = 4 << 20;
constexpr std::size_t kSmall = 512;   // an error, say: 10,000 of them fit the bounds of a request
constexpr std::size_t kChunk = 4096;  // on the stack, whose pages are never given back

}  // namespace

/// A stream's way to its client; the connection may be gone.
class Session::EventOutlet : public Answer::Outlet {
 public:
  explicit EventOutlet(std::weak_ptr<Session> session) : session_(std::move(session)) {}
  bool is_open() const override {
    auto session = session_.lock();
    return session && !session->ended();
  }
  bool send(std::string line) override {
    auto session = session_.lock();
    return !session || session->notify(std::move(line));
  }
  void when_drained(std::function<void()> then) override {
    if (auto session = session_.lock()) session->when_drained(std::move(then));
  }
  void when_closed(std::function<void()> then) override {
    if (auto session = session_.lock()) session->when_closed(std::move(then));
  }

 private:
  std::weak_ptr<Session> session_;
};

/// The replies to one line. A batch is sent as one array, when the last of its replies has come.
class Session::Collector : public Answer::Sink {
 public:
  Collector(std::weak_ptr<Session> session, bool batch) : session_(std::move(session)), batch_(batch) {
    if (auto owner = session_.lock()) ++owner->owed_;
  }

  ~Collector() override {
    // Every Answer has been given or dropped.
    if (batch_ && !together_.empty()) put("[" + together_ + "]");
    auto session = session_.lock();
    if (!session) return;
    --session->owed_;
    session->end_if_done();
  }
  bool room_for(std::size_t bytes) const override {
    auto session = session_.lock();
    return !session || session->room_for(bytes);
  }
  Result<std::shared_ptr<Answer::Outlet>> open_stream() override {
    // The replies of a batch are sent together, and a stream begins with its own.
    if (batch_) return Error{Reason::usage, "begin a stream", "it is asked for by a request of its own", 0};
    if (auto session = session_.lock(); session && !session->begin_stream())
      return Error{Reason::already, "begin a stream", "this connection has one already", 0};
    return std::shared_ptr<Answer::Outlet>(std::make_shared<EventOutlet>(session_));
  }
  void attach(Fd fd) override {
    if (auto session = session_.lock()) session->attach(std::move(fd));
  }
  void deliver(std::string reply) override {
    if (!batch_) return put(std::move(reply));
    if (together_.size() + reply.size() > kMostUnread && reply.size() > kSmall)
      reply =
          error_text("null", {rpc_code::server, "this batch's answers are over 256 KiB", Reason::too_large});
    if (!together_.empty()) together_ += ',';
    together_ += reply;
  }

 private:
  void put(std::string line) {
    if (auto session = session_.lock()) session->send(std::move(line));
  }
  std::weak_ptr<Session> session_;
  bool batch_;
  std::string together_;
};

Session::Session(Shared& shared, Fd socket, Caller caller)
    : socket_(std::move(socket)), shared_(shared), caller_(caller) {}

Session::~Session() {
  end();
}

/// Ends the connection if there is no memory for a request: the client sees that, and asks again.
template <class Doing>
void Session::end_without_memory(Doing doing) {
  try {
    doing();
  } catch (const std::bad_alloc&) {
    end();
  }
}

void Session::start(std::function<void()> on_end) {
  on_end_ = std::move(on_end);
  end_without_memory([this] { read_first(); });
}

void Session::read_first() {
  reading_ = true;  // usually everything is there already, and the socket need not be watched
  while (may_read() && take_bytes()) {
  }
  // Connecting woke this process, often before the client came to send: the client may be waiting for this
  // processor. More than one further look costs as much as it saves.
  if (may_read() && !received_) {
    sched_yield();
    while (may_read() && take_bytes()) {
    }
  }
  reading_ = false;
  read_on();
}

/// Returns null if the descriptor cannot be watched; the session ends then, and its client asks again.
asio::posix::stream_descriptor* Session::waiter() {
  if (waiter_) return &*waiter_;
  std::error_code refused;
  waiter_.emplace(shared_.io);
  waiter_->assign(socket_.get(), refused);
  if (refused) {
    waiter_.reset();
    end();
    return nullptr;
  }
  static_cast<void>(socket_.release());
  return &*waiter_;
}

/// Returns whether the client reads its replies: otherwise no more requests are handled.
bool Session::may_take() const {
  return !ended_ && !closing_ && out_.size() - sent_ <= kMostUnread;
}

bool Session::may_read() const {
  return may_take() && !asked_all_;
}

void Session::read_on() {
  if (!reading_ && asked_all_) watch_for_end();
  if (reading_ || !may_read()) return;
  auto* watched = waiter();
  if (watched == nullptr) return;
  reading_ = true;
  watched->async_wait(asio::posix::descriptor_base::wait_read,
                      [self = shared_from_this()](std::error_code error) {
                        self->end_without_memory([&] {
                          if (!cancelled(error) && !self->ended_) self->take_bytes();
                          self->reading_ = false;
                          if (!cancelled(error) && !self->ended_) self->read_on();
                        });
                      });
}

/// Returns false if nothing more is available.
bool Session::take_bytes() {
  char chunk[kChunk];
  ssize_t got = receive_bytes_alone(fd(), chunk, sizeof chunk);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got < 0 && errno == EPROTO) {
    send(error_text("null", {rpc_code::invalid_request, "no descriptors are taken here", Reason::usage}));
    finish();
    return false;
  }
  if (got <= 0) {
    asked_all_ = true;
    if (got < 0) end();
    end_if_done();
    watch_for_end();
    return false;
  }
  received_ = true;
  lines_.add({chunk, static_cast<std::size_t>(got)});
  take_lines();
  if (ended_) return false;
  shared_.in += lines_.pending() - counted_in_;
  counted_in_ = lines_.pending();
  bool together = shared_.in > kMostTogether;
  if (!lines_.too_long() && !together) return true;
  send(error_text("null",
                  {rpc_code::invalid_request,
                   together ? "too much half-sent by all clients together" : "a request line over 1 MiB",
                   Reason::too_large}));
  finish();
  return false;
}

/// A client that has half-closed its connection still gets its replies.
void Session::end_if_done() {
  if (!asked_all_ || ended_ || owed_ > 0 || sent_ < out_.size()) return;
  end();
}

/// A client that sends no more is watched only for its end: its replies may take long.
void Session::watch_for_end() {
  if (watching_ || ended_ || !asked_all_) return;
  auto* watched = waiter();
  if (watched == nullptr) return;
  watching_ = true;
  watched->async_wait(asio::posix::descriptor_base::wait_error, [self = shared_from_this()](std::error_code) {
    if (!self->ended_) self->end();
  });
}

bool Session::room_for(std::size_t bytes) const {
  return bytes <= kSmall || shared_.out + bytes <= kMostTogether;
}

void Session::take_lines() {
  if (taking_) return;  // called again by a reply that was sent at once
  taking_ = true;
  while (may_take()) {
    auto line = lines_.next();
    if (!line) break;
    take(*line);
  }
  taking_ = false;
}

void Session::take(std::string_view line) {
  RequestLine decoded = decode_requests(line);
  if (decoded.items.empty()) return;
  if (decoded.last) asked_all_ = true;  // no further line is awaited, usually not even the end
  auto collector = std::make_shared<Collector>(weak_from_this(), decoded.batch);
  for (Incoming& item : decoded.items) {
    if (auto* bad = std::get_if<BadRequest>(&item)) {
      if (bad->answer) collector->deliver(error_text(bad->id, bad->error));
      continue;
    }
    Request& request = std::get<Request>(item);
    Answer answer(request.answer ? collector : nullptr, request.id);
    std::visit([&](const auto& what) { shared_.service.handle(what, caller_, std::move(answer)); },
               request.what);
  }
}

/// A stream is due until the connection ends: a client that has half-closed it still receives events.
bool Session::begin_stream() {
  if (streams_) return false;
  streams_ = true;
  ++owed_;
  return true;
}

bool Session::notify(std::string line) {
  if (ended_ || closing_) return true;
  std::size_t waiting = out_.size() - sent_;
  // Reserves the other half for replies: clients that do not read must not keep others from stopping the app.
  if (waiting + line.size() > kMostEvents || shared_.out + line.size() > kMostTogether / 2) return false;
  queue(std::move(line));
  return true;
}

void Session::when_drained(std::function<void()> then) {
  on_drained_ = std::move(then);
  if (sent_ == out_.size()) shared_.for_room.push_back(weak_from_this());
}

void Session::tell_drained() {
  if (ended_) return;
  if (auto drained = std::exchange(on_drained_, nullptr)) drained();
}

/// Notifies the sessions that have nothing waiting themselves that there is room again. In turns of their
/// own: what they send may call this function again.
void Session::has_taken(std::size_t bytes) {
  shared_.out -= bytes;
  if (bytes == 0 || shared_.for_room.empty()) return;
  for (const auto& one : std::exchange(shared_.for_room, {}))
    if (auto session = one.lock()) asio::post(shared_.io, [session] { session->tell_drained(); });
}

void Session::send(std::string line) {
  if (ended_ || closing_) return;
  line += '\n';
  queue(std::move(line));
}

void Session::queue(std::string line) {
  shared_.out += line.size();
  if (out_.empty())
    out_ = std::move(line);
  else
    out_ += line;
  put_out();
}

void Session::put_out() {
  while (!ended_ && sent_ < out_.size()) {
    ssize_t put = send_beside(fd(), std::string_view(out_).substr(sent_), beside_.get());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno != EAGAIN) return end();
    if (put < 0) break;
    beside_.reset();
    sent_ += static_cast<std::size_t>(put);
    has_taken(static_cast<std::size_t>(put));
  }
  if (ended_) return;
  if (sent_ == out_.size()) {
    std::string().swap(out_);
    sent_ = 0;
    if (closing_) return end();
    tell_drained();
    go_on_taking();
    end_if_done();
    return read_on();
  }
  if (sent_ > kMostUnread) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  if (writing_) return;
  auto* watched = waiter();
  if (watched == nullptr) return;
  writing_ = true;
  watched->async_wait(asio::posix::descriptor_base::wait_write,
                      [self = shared_from_this()](std::error_code error) {
                        self->writing_ = false;
                        self->end_without_memory([&] {
                          if (!cancelled(error) && !self->ended_) self->put_out();
                        });
                      });
}

/// Handles lines that had to wait until the client read its replies. They may lead to an event for this very
/// stream, so a stream's lines wait for the next turn.
void Session::go_on_taking() {
  if (!streams_) return take_lines();
  asio::post(shared_.io, [self = shared_from_this()] {
    self->end_without_memory([&] {
      self->take_lines();
      self->read_on();
    });
  });
}

bool Session::is_idle(bool reads) {
  int unread = 0;
  return owed_ == 0 && !streams_ && (sent_ == out_.size()) == reads && ioctl(fd(), FIONREAD, &unread) == 0 &&
         unread == 0;
}

void Session::finish() {
  closing_ = true;
  put_out();
}

void Session::end() {
  if (ended_) return;
  ended_ = true;
  shared_.in -= counted_in_;
  has_taken(out_.size() - sent_);
  counted_in_ = 0;
  close_for_all(waiter_ ? Fd(waiter_->release()) : std::move(socket_));
  waiter_.reset();
  if (on_closed_) asio::post(shared_.io, std::exchange(on_closed_, nullptr));
  if (!on_end_) return;
  auto on_end = std::move(on_end_);
  on_end();
}

}  // namespace keeper
