#include "keeper/log/kept_output.hpp"

#include <utility>

namespace keeper {

void KeptOutput::sent(std::size_t bytes) {
  sent_ += bytes;
  if (empty()) clear();
}

void KeptOutput::clear() {
  std::string().swap(bytes_);
  sent_ = 0;
}

void KeptOutput::give_up(std::uint64_t more) {
  drop(rest());
  clear();
  unsaid_ += more;
  dropped_ += more;
}

void KeptOutput::keep(std::string_view bytes) {
  if (bytes.empty()) return;
  std::size_t room = most_ > size() ? most_ - size() : 0;
  if (block_ || (!dropping_ && bytes.size() <= room)) {
    bytes_ += bytes;
    return;
  }
  if (!dropping_) {
    std::size_t whole = bytes.substr(0, room).rfind('\n');
    std::size_t cut = whole == std::string_view::npos ? 0 : whole + 1;
    bytes_ += bytes.substr(0, cut);
    bytes.remove_prefix(cut);
    dropping_ = true;
  }
  drop(bytes);
}

void KeptOutput::drop(std::string_view bytes) {
  if (!bytes.empty()) dropped_line_end_ = bytes.back() == '\n';
  unsaid_ += bytes.size();
  dropped_ += bytes.size();
}

std::string_view KeptOutput::go_on(std::string_view bytes) {
  if (size() > most_ / 2) return bytes;  // keep() drops them
  std::size_t end = dropped_line_end_ ? 0 : bytes.find('\n');
  std::size_t gone = dropped_line_end_ ? 0 : end == std::string_view::npos ? bytes.size() : end + 1;
  drop(bytes.substr(0, gone));
  dropping_ = end == std::string_view::npos;
  return bytes.substr(gone);
}

std::uint64_t KeptOutput::take_unsaid() {
  return std::exchange(unsaid_, 0);
}

}  // namespace keeper
