// notifies STEP...    does each in turn, and then waits for ever:
//   KEY=VALUE         says that to $NOTIFY_SOCKET (sd_notify(3)); several lines with \n between
//   child:KEY=VALUE   a short-lived child says it and is gone at once
//   barrier           waits until the other side has closed the descriptor of BARRIER=1; says "barrier"
//   sleep:MS          pauses
//   fork-main         goes on in a child in a session of its own, tells MAINPID, and ends with 0
//   newline:N         writes a newline into descriptor N
//   say:TEXT          says it
//   suspend           stops itself (SIGSTOP), until somebody continues it
//   exit:N            exits
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/children/tiny.hpp"

namespace {

void notify(std::string_view text, int fd = -1) {
  const char* name = getenv("NOTIFY_SOCKET");
  if (name == nullptr) {
    keeper::put(STDOUT_FILENO, "no NOTIFY_SOCKET\n");
    return;
  }
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t size = strlen(name);
  memcpy(address.sun_path, name, size);
  if (address.sun_path[0] == '@') address.sun_path[0] = 0;
  iovec piece{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) char beside[CMSG_SPACE(sizeof(int))] = {};
  msghdr header{};
  header.msg_name = &address;
  header.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = beside;
    header.msg_controllen = sizeof beside;
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(part), &fd, sizeof fd);
  }
  const int out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (sendmsg(out, &header, 0) < 0) keeper::put(STDOUT_FILENO, "cannot notify\n");
  close(out);
}

void barrier() {
  int ends[2];
  if (pipe(ends) != 0) _exit(1);
  notify("BARRIER=1", ends[1]);
  close(ends[1]);
  pollfd end{ends[0], 0, 0};
  while (poll(&end, 1, -1) < 0) {
  }
  keeper::put(STDOUT_FILENO, "barrier\n");
}

void fork_main() {
  int told[2];
  if (pipe(told) != 0) _exit(1);
  if (fork() != 0) {
    char byte;
    close(told[1]);
    _exit(read(told[0], &byte, 1) == 1 ? 0 : 1);
  }
  setsid();
  notify("MAINPID=" + std::to_string(getpid()));
  keeper::put(told[1], "x");
  close(told[1]);
  keeper::say_pid("main", getpid());
}

void say_in_child(const std::string& text) {
  const pid_t pid = fork();
  if (pid == 0) {
    notify(text);
    _exit(0);
  }
  waitpid(pid, nullptr, 0);
}

std::string unescaped(std::string text) {
  for (std::size_t at = text.find("\\n"); at != std::string::npos; at = text.find("\\n"))
    text.replace(at, 2, "\n");
  return text;
}

void take(const std::string& step) {
  auto rest = [&](std::string_view start) { return step.substr(start.size()); };
  if (step == "barrier") return barrier();
  if (step == "fork-main") return fork_main();
  if (step == "suspend") return void(raise(SIGSTOP));
  if (step.starts_with("sleep:"))
    return void(usleep(static_cast<unsigned>(atoi(rest("sleep:").c_str())) * 1000));
  if (step.starts_with("newline:")) return void(keeper::put(atoi(rest("newline:").c_str()), "\n"));
  if (step.starts_with("say:")) return keeper::say(rest("say:") + "\n");
  if (step.starts_with("exit:")) _exit(atoi(rest("exit:").c_str()));
  if (step.starts_with("child:")) return say_in_child(rest("child:"));
  notify(unescaped(step));
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    take(argv[i]);
  keeper::wait_for_ever();
}
