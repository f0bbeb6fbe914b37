#include "keeper/control/log_feeds.hpp"

#include <fcntl.h>

#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <string_view>

#include "protocol/base/lifetime.hpp"

namespace keeper {
namespace {

constexpr std::size_t kPiece = 64 << 10;
constexpr std::size_t kMostCarried = 64 << 10;
constexpr int kPiecesATurn = 4;
constexpr Millis kPatience{2'000};
constexpr Millis kLookAgain{250};

}  // namespace

class LogFeeds::Feed : public std::enable_shared_from_this<Feed> {
 public:
  Feed(asio::io_context& io, std::uint64_t id, std::shared_ptr<Answer::Outlet> outlet, LogFollower follower)
      : io_(io),
        outlet_(std::move(outlet)),
        follower_(std::move(follower)),
        watcher_(io),
        again_(io),
        patience_(io) {
    next_.stream = id;
  }

  /// Returns a handler that calls `what` if this still exists.
  auto then(void (Feed::*what)()) {
    return [weak = weak_from_this(), what](std::error_code error = {}) {
      auto self = weak.lock();
      if (self && !cancelled(error)) (self.get()->*what)();
    };
  }

  /// Sends the available lines, some of them per turn, and waits for more.
  void go() {
    for (int i = 0; i < kPiecesATurn; ++i) {
      if (!outlet_->is_open() || !send_lines()) return;
      auto text = follower_.read(kPiece);
      if (!text) return look_again();
      if (text->empty()) return wait();
      cut(*text);
    }
    asio::post(io_, then(&Feed::go));
  }

  /// Sends the rest, with a line that has no end.
  void finish() {
    tell_dropped();
    while (!dropping_ && send_lines()) {
      auto text = follower_.read(kPiece);
      if (text && !text->empty()) {
        cut(*text);
        continue;
      }
      if (carried_.empty()) return;
      next_.lines.push_back(std::exchange(carried_, {}));
    }
  }
  bool is_open() const { return outlet_->is_open(); }

 private:
  void cut(std::string_view text) {
    for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
      carried_ += text.substr(0, end);
      next_.lines.push_back(std::exchange(carried_, {}));
      text.remove_prefix(end + 1);
    }
    carried_ += text;
    if (carried_.size() < kMostCarried) return;
    next_.lines.push_back(std::exchange(carried_, {}));
    next_.partial = true;
  }

  /// Returns false if there is no room; then it waits for room.
  bool send_lines() {
    if (next_.lines.empty()) return true;
    if (dropping_) {
      count_lines();
      return true;
    }
    if (outlet_->send(log_line(next_))) {
      forget_lines();
      return true;
    }
    await_room();
    patience_.expires_after(kPatience);
    patience_.async_wait(then(&Feed::give_up));
    return false;
  }
  void forget_lines() {
    next_.lines.clear();
    next_.partial = false;
  }
  void count_lines() {
    dropped_ += next_.lines.size();
    forget_lines();
  }

  void await_room() {
    // In a turn of its own: it may be called from within a reply that is sent.
    outlet_->when_drained([this, weak = weak_from_this()] {
      if (weak.lock()) asio::post(io_, then(&Feed::on_room));
    });
  }
  void on_room() {
    if (dropping_) return tell_dropped();
    patience_.cancel();
    go();
  }
  /// Stops sending to a subscriber that does not read.
  void give_up() {
    if (next_.lines.empty()) return;  // it just read
    dropping_ = true;
    go();
  }
  void tell_dropped() {
    if (!dropping_) return;
    NewLines told;
    told.stream = next_.stream;
    told.dropped = dropped_;
    if (!outlet_->send(log_line(told))) return await_room();  // no room among all clients together
    dropping_ = false;
    dropped_ = 0;
  }

  void wait() {
    if (follower_.wait_fd() < 0) return look_again();
    std::error_code error;
    // Uses a descriptor of its own: the follower may close the one that it has.
    if (!watcher_.is_open()) {
      Fd own(fcntl(follower_.wait_fd(), F_DUPFD_CLOEXEC, 0));
      if (own) watcher_.assign(own.get(), error);
      if (!own || error) return look_again();
      own.release();
    }
    watcher_.async_wait(asio::posix::descriptor_base::wait_read, then(&Feed::on_change));
  }
  void on_change() {
    follower_.drain_events();
    go();
  }
  void look_again() {
    again_.expires_after(kLookAgain);
    again_.async_wait(then(&Feed::go));
  }

  asio::io_context& io_;
  std::shared_ptr<Answer::Outlet> outlet_;
  LogFollower follower_;
  asio::posix::stream_descriptor watcher_;
  asio::steady_timer again_;
  asio::steady_timer patience_;
  std::string carried_;  ///< the beginning of a line
  NewLines next_;        ///< to be sent
  bool dropping_ = false;
  std::uint64_t dropped_ = 0;
};

LogFeeds::LogFeeds(asio::io_context& io) : io_(io) {}
LogFeeds::~LogFeeds() = default;

void LogFeeds::add(const Answer& answer, LogLines first, LogFollower follower) {
  auto outlet = answer.open_stream();
  if (!outlet) return answer.fail(outlet.error());
  if (!*outlet) return;  // a notification, which has no reply
  first.stream = ++last_id_;
  answer.give(first);
  feeds_.push_back(std::make_shared<Feed>(io_, last_id_, *outlet, std::move(follower)));
  (*outlet)->when_closed(
      [this] { std::erase_if(feeds_, [](const auto& feed) { return !feed->is_open(); }); });
  feeds_.back()->go();
}

void LogFeeds::finish() {
  for (auto& feed : feeds_)
    feed->finish();
}

}  // namespace keeper
