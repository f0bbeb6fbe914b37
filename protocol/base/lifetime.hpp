// Handlers of an object that may be gone before they are called.
//
// Asio calls a handler that the loop has queued already although its timer or descriptor was closed meanwhile
// (cancel() does not remove it), and the receiver of a readiness report may destroy the reporter. Each
// handler here has a mark of its owner, and does nothing once the owner is gone.
#pragma once
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

namespace keeper {

/// Returns whether waiting was cancelled. Any other error means that a descriptor could not be watched
/// (epoll_ctl(2)): the waiting code then acts as if it were ready, because none of these descriptors blocks,
/// and waits again.
inline bool cancelled(std::error_code error) {
  return error.value() == ECANCELED;  // asio::error::operation_aborted, of asio's own category
}

class Living {
 public:
  /// Returns a handler that calls `what` unless it was cancelled, if the owner still waits for it.
  template <class F>
  auto only(F what) const {
    return [mark = std::weak_ptr<char>(mark_), what = std::move(what)](std::error_code error) {
      if (!cancelled(error) && !mark.expired()) what();
    };
  }
  /// Tells a caller that continues after a callback whether the owner still exists.
  std::weak_ptr<char> mark() const { return mark_; }
  /// Forgets all pending waits; later ones count.
  void renew() { mark_ = std::make_shared<char>(); }

 private:
  std::shared_ptr<char> mark_ = std::make_shared<char>();
};

}  // namespace keeper
