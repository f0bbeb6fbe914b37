#include "keeper/survive/guard_link.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <string_view>

#include "protocol/base/lifetime.hpp"
#include "protocol/base/pass_fd.hpp"

namespace keeper {
namespace {

constexpr int kAnswersWithin = 1000;             // ms: at its keeper's start, which waits for them
constexpr std::chrono::seconds kSilentAfter{2};  // the time in which a new keeper must come up

GuardWord word_of(GuardWord::Kind kind, const std::string& name = "", int code = 0) {
  GuardWord out{};
  out.kind = kind;
  out.code = code;
  std::copy_n(name.data(), std::min(name.size(), sizeof out.name - 1), out.name);
  return out;
}

bool send_word(int socket, const GuardWord& word) {
  return send(socket, &word, sizeof word, MSG_NOSIGNAL | MSG_DONTWAIT) == static_cast<ssize_t>(sizeof word);
}

bool send_with(int socket, const GuardWord& word, int fd) {
  const std::string_view bytes(reinterpret_cast<const char*>(&word), sizeof word);
  return send_beside(socket, bytes, fd) == static_cast<ssize_t>(sizeof word);
}

}  // namespace

GuardLink::GuardLink(asio::io_context& io, int socket, GuardHooks hooks)
    : socket_(io, socket), pid_(getppid()), hooks_(std::move(hooks)), deadline_(io) {
  wait();
}

GuardLink::~GuardLink() {
  socket_.release();
}

void GuardLink::wait() {
  socket_.async_wait(asio::posix::descriptor_base::wait_read, [this](std::error_code error) {
    if (!cancelled(error) && take()) wait();
  });
}

/// Returns false at its end.
bool GuardLink::take() {
  bool news = false;
  for (;;) {
    GuardWord word{};
    const ssize_t got = recv(socket_.native_handle(), &word, sizeof word, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got == static_cast<ssize_t>(sizeof word)) {
      news = news || word.kind == GuardWord::news;
      const bool waited = !unanswered_.empty();
      heard(word);
      if (waited && unanswered_.empty()) hooks_.settled();
      continue;
    }
    const bool gone = got >= 0 || errno != EAGAIN;
    if (news) hooks_.news();
    if (gone) hooks_.lost();
    return !gone;
  }
}

Done GuardLink::put(const std::string& name, int fd) {
  const GuardWord word = word_of(GuardWord::put, name);
  if (!send_with(socket_.native_handle(), word, fd)) return system_error("hand " + name + " up");
  unanswered_.push_back(name);
  if (unanswered_.size() == 1) expect_answer();
  return {};
}

void GuardLink::heard(const GuardWord& word) {
  if (word.kind != GuardWord::kept || unanswered_.empty()) return;
  const std::string name = std::move(unanswered_.front());
  unanswered_.pop_front();
  silent_ = false;
  if (unanswered_.empty())
    deadline_.cancel();
  else
    expect_answer();
  hooks_.answered(name, static_cast<GuardWord::Kept>(word.code));
}

void GuardLink::expect_answer() {
  deadline_.expires_after(kSilentAfter);
  deadline_.async_wait([this](std::error_code error) {
    if (error || unanswered_.empty()) return;
    silent_ = true;
    const auto silent = hooks_.silent;  // it may destroy this link
    silent();
  });
}

bool GuardLink::awaits(const std::string& name) const {
  return std::find(unanswered_.begin(), unanswered_.end(), name) != unanswered_.end();
}

std::vector<std::string> GuardLink::overdue() const {
  return silent_ ? std::vector<std::string>(unanswered_.begin(), unanswered_.end())
                 : std::vector<std::string>();
}

Done GuardLink::settle() {
  const int socket = socket_.native_handle();
  while (!unanswered_.empty()) {
    const Error gone{Reason::failed, "hand " + unanswered_.front() + " up", "the guard is gone", 0};
    pollfd p{socket, POLLIN, 0};
    if (poll(&p, 1, kAnswersWithin) <= 0) return Error{Reason::timeout, gone.doing, "the guard is silent", 0};
    GuardWord word{};
    if (recv(socket, &word, sizeof word, MSG_DONTWAIT) != static_cast<ssize_t>(sizeof word)) return gone;
    if (word.kind == GuardWord::news) asio::post(socket_.get_executor(), [this] { hooks_.news(); });
    heard(word);
  }
  return {};
}

bool GuardLink::lost() {
  char byte = 0;
  return recv(socket_.native_handle(), &byte, sizeof byte, MSG_DONTWAIT | MSG_PEEK) == 0;
}

void GuardLink::drop(const std::string& name) {
  send_word(socket_.native_handle(), word_of(GuardWord::drop, name));
}

void GuardLink::up() {
  send_word(socket_.native_handle(), word_of(GuardWord::up));
}

void GuardLink::room() {
  send_word(socket_.native_handle(), word_of(GuardWord::room));
}

Done GuardLink::renew(const std::string& path) {
  struct {
    GuardWord word;
    char path[kGuardPathMost];
  } out{word_of(GuardWord::renew), {}};
  const Error cannot{Reason::failed, "hand over to " + path, "", 0};
  if (path.size() >= sizeof out.path) return Error{cannot.reason, cannot.doing, "its path is too long", 0};
  std::copy(path.begin(), path.end(), out.path);
  if (send(socket_.native_handle(), &out, sizeof out.word + path.size() + 1, MSG_NOSIGNAL) > 0) return {};
  return Error{cannot.reason, cannot.doing, "the guard is gone", 0};
}

void leave_guard(int socket, int code) {
  if (socket >= 0) send_word(socket, word_of(GuardWord::leave, "", code));
}

}  // namespace keeper
