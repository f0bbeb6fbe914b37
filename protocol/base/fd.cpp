#include "protocol/base/fd.hpp"

#include <unistd.h>

namespace keeper {

Fd& Fd::operator=(Fd&& other) noexcept {
  int taken = other.release();
  reset();
  fd_ = taken;
  return *this;
}

void Fd::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace keeper
