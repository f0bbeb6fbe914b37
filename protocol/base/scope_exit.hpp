// Runs a function when a scope is left, in whatever way.
#pragma once
#include <utility>

namespace keeper {

template <class F>
class Finally {
 public:
  explicit Finally(F what) : what_(std::move(what)) {}
  ~Finally() { what_(); }
  Finally(const Finally&) = delete;
  Finally& operator=(const Finally&) = delete;

 private:
  F what_;
};

}  // namespace keeper
