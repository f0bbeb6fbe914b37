// One try of a probe. It is begun once, and ends by itself, once, or is aborted by its destruction.
#pragma once
#include <functional>
#include <string>
#include <utility>

#include "protocol/base/lifetime.hpp"

namespace keeper {

class Attempt {
 public:
  /// `answer`: the result in a few words that follow the condition's: "answered 500".
  using Ended = std::function<void(bool good, std::string answer)>;

  explicit Attempt(Ended ended) : ended_(std::move(ended)) {}
  virtual ~Attempt() = default;
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  /// `ended` may be called before this returns.
  virtual void begin() = 0;
  /// The pid of the process that it runs; 0 if there is none.
  virtual int pid() const { return 0; }

 protected:
  /// The last action: this object is gone when it returns.
  void end(bool good, std::string answer = {}) {
    auto ended = std::exchange(ended_, nullptr);
    ended(good, std::move(answer));
  }
  Living living_;

 private:
  Ended ended_;
};

}  // namespace keeper
