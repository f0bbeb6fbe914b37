#include "keeper/ready/notify_socket.hpp"

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <asio/io_context.hpp>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "protocol/base/discard.hpp"
#include "protocol/base/scope_exit.hpp"

#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76  // asm-generic/socket.h of Linux 6.5
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 0x04  // linux/socket.h
#endif

namespace keeper {
namespace {

using std::string;

constexpr std::size_t kMostText = 4096;  // as systemd
constexpr std::chrono::milliseconds kNoChild{100};
constexpr int kTurn = 64;  // then the loop serves others

/// Returns "@keeper/" and 128 random bits. Empty, with errno, if there are none.
string new_name() {
  unsigned char random[16];
  if (getrandom(random, sizeof random, 0) != static_cast<ssize_t>(sizeof random)) return {};
  string out = "@keeper/";
  for (unsigned char byte : random) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

bool bind_to(int socket, const string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data() + 1, name.size() - 1);  // '@' stands for the leading NUL
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  return bind(socket, reinterpret_cast<const sockaddr*>(&address), size) == 0;
}

string name_of(int socket) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  constexpr socklen_t front = offsetof(sockaddr_un, sun_path) + 1;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) < 0 || size <= front) return {};
  return "@" + string(address.sun_path + 1, size - front);
}

/// The data beside the text of a datagram.
struct Beside {
  bool named = false;        ///< the kernel named the sender
  bool descriptors = false;  ///< they stay in the socket
  bool cut = false;          ///< the text is longer
  Sender sender;
};

void take_part(const cmsghdr& part, Beside& out) {
  if (part.cmsg_level != SOL_SOCKET) return;
  if (part.cmsg_type == SCM_CREDENTIALS && part.cmsg_len >= CMSG_LEN(sizeof(ucred))) {
    ucred credentials{};
    std::memcpy(&credentials, CMSG_DATA(&part), sizeof credentials);
    out.named = true;
    out.sender.pid = credentials.pid;
    out.sender.uid = credentials.uid;
  }
  if (part.cmsg_type == SCM_PIDFD && part.cmsg_len >= CMSG_LEN(sizeof(int))) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(&part), sizeof fd);
    if (fd >= 0) out.sender.pidfd = Fd(fd);  // otherwise the value is the reason for its absence
  }
}

/// Looks at the next message without taking it. Leaves room for the sender's credentials, and none for a
/// descriptor, which this process would have to close. `room`: of the buffer for the credentials, in bytes.
ssize_t look_at_next(int socket, iovec text, std::size_t room, Beside& out) {
  alignas(cmsghdr) char beside[CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int))];
  msghdr header{};
  header.msg_iov = &text;
  header.msg_iovlen = 1;
  header.msg_control = beside;
  header.msg_controllen = room;
  const ssize_t got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT | MSG_PEEK);
  if (got < 0) return got;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part))
    take_part(*part, out);
  out.descriptors = (header.msg_flags & MSG_CTRUNC) != 0;
  out.cut = (header.msg_flags & MSG_TRUNC) != 0;
  return got;
}

/// The kernel adds a pidfd of the sender if it was requested before (SO_PASSPIDFD, Linux 6.5), after
/// descriptors.
void ask_for_pidfd(int socket, bool asked) {
  const int on = asked ? 1 : 0;
  setsockopt(socket, SOL_SOCKET, SO_PASSPIDFD, &on, sizeof on);
}

ssize_t look_at_next(int socket, iovec text, Beside& out) {
  constexpr std::size_t who = CMSG_SPACE(sizeof(ucred)), pidfd = CMSG_SPACE(sizeof(int));
  const ssize_t got = look_at_next(socket, text, who, out);
  if (got < 0 || out.descriptors) return got;
  char nothing = 0;
  ask_for_pidfd(socket, true);
  Beside again;
  look_at_next(socket, {&nothing, 1}, who + pidfd, again);
  ask_for_pidfd(socket, false);
  out.sender.pidfd = std::move(again.sender.pidfd);
  return got;
}

}  // namespace

Result<Fd> make_notify_socket(const string& wanted) {
  constexpr const char* doing = "make a socket for NOTIFY_SOCKET";
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return system_error(doing);
  int yes = 1;
  // Before the address is known: a message that is sent earlier carries no credentials.
  if (setsockopt(socket.get(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) < 0) return system_error(doing);
  if (wanted.starts_with('@') && wanted.size() < sizeof(sockaddr_un::sun_path) &&
      bind_to(socket.get(), wanted))
    return socket;
  string name = new_name();
  if (name.empty() || !bind_to(socket.get(), name)) return system_error(doing);
  return socket;
}

NotifySocket::NotifySocket(asio::io_context& io, Fd socket, OnMessage on_message)
    : socket_(io, socket.get()),
      pause_(io),
      on_message_(std::move(on_message)),
      environment_(name_of(socket.get())) {
  static_cast<void>(socket.release());
  ask_for_pidfd(socket_.native_handle(), false);
  wait();
}

bool NotifySocket::drain() {
  auto mark = living_.mark();
  for (int i = 0; i < kTurn; ++i)
    if (!receive() || mark.expired()) return true;
  return false;
}

void NotifySocket::wait() {
  if (stuck_) {
    pause_.expires_after(kNoChild);
    return pause_.async_wait(living_.only([this] {
      if (take(true)) stuck_ = false;
      wait();
    }));
  }
  socket_.async_wait(asio::posix::descriptor_base::wait_read, living_.only([this] {
    auto mark = living_.mark();
    drain();
    if (!mark.expired()) wait();
  }));
}

/// Returns whether the message is gone. A message with descriptors stays if no child can be made to take it:
/// it was acted on, and nothing else is read meanwhile.
bool NotifySocket::take(bool descriptors) {
  if (descriptors) return discard_by_child(socket_.native_handle(), 1).has_value();
  char nothing = 0;
  recv(socket_.native_handle(), &nothing, sizeof nothing, MSG_DONTWAIT);
  return true;
}

/// Returns false if there was none. The receiver may destroy this object.
bool NotifySocket::receive() {
  if (handling_ || stuck_) return false;  // the receiver of a message may ask for the next
  char text[kMostText];
  Beside with;
  const ssize_t got = look_at_next(socket_.native_handle(), {text, sizeof text}, with);
  if (got < 0) return errno == EINTR;
  // Takes it after it was acted on: a successor of this keeper in between finds it again.
  auto mark = living_.mark();
  Finally taken([&, descriptors = with.descriptors] {
    if (!mark.expired()) stuck_ = !take(descriptors);
  });
  auto message = parse_notify({text, static_cast<std::size_t>(got)});
  if (!with.named || !message || with.cut) {
    ++ignored_;
    return true;
  }
  if (*message == NotifyMessage{}) return true;
  look_up(with.sender);
  Notification out{std::move(with.sender), std::move(*message)};
  out.message.barrier = out.message.barrier && with.descriptors;
  auto tell = on_message_;
  handling_ = true;
  Finally handled([this, &mark] {
    if (!mark.expired()) handling_ = false;
  });
  tell(std::move(out));
  return true;
}

}  // namespace keeper
