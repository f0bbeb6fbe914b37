// A file that a test and what it starts have mapped.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <filesystem>

#include "protocol/base/fd.hpp"

namespace keeper {

template <class T>
class Shared {
 public:
  explicit Shared(const std::filesystem::path& path) {
    Fd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    EXPECT_EQ(0, ftruncate(file.get(), sizeof(T)));
    memory_ = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
    EXPECT_NE(MAP_FAILED, memory_);
  }
  ~Shared() { munmap(memory_, sizeof(T)); }
  Shared(const Shared&) = delete;
  T* operator->() { return static_cast<T*>(memory_); }

 private:
  void* memory_;
};

}  // namespace keeper
