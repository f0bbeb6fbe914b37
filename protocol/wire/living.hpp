// Handlers of something that may be gone before they are called.
//
// A handler that the loop has queued already is called although its timer or descriptor was closed meanwhile
// (asio: cancel() cannot take it back), and whoever is told that a run is ready may let go of what told it.
// Each handler here has a mark of its owner, and does nothing once that is gone.
#pragma once
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

namespace keeper {

/// Whether waiting ended because somebody ended it. Any other error is that a descriptor could not be watched
/// just then (epoll_ctl(2)): whoever waited for it looks at once, as if it were ready, for none of them
/// blocks, and waits anew.
inline bool cancelled(std::error_code error) {
  return error.value() == ECANCELED;  // asio::error::operation_aborted, of a category of asio's own
}

class Living {
 public:
  /// A handler that calls `what` unless it was cancelled, if the owner waits for this still.
  template <class F>
  auto only(F what) const {
    return [mark = std::weak_ptr<char>(mark_), what = std::move(what)](std::error_code error) {
      if (!cancelled(error) && !mark.expired()) what();
    };
  }
  /// Whether the owner is there, for whoever calls out and goes on afterwards.
  std::weak_ptr<char> mark() const { return mark_; }
  /// Nothing is waited for any more; what is asked for from now on is.
  void renew() { mark_ = std::make_shared<char>(); }

 private:
  std::shared_ptr<char> mark_ = std::make_shared<char>();
};

}  // namespace keeper
