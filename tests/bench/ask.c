// ask serve DIR N   N processes, each of which listens at DIR/I and answers every connection's first bytes
// with
//                   a line as long as a status. Prints "ready" and waits for ever.
// ask DIR N         asks all of them at once, as ctl asks keepers, and prints what they answered.
// Together they do as little as a list can that asks N processes over sockets of their own: the raw limit.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address(const char* dir, int i) {
  struct sockaddr_un out = {.sun_family = AF_UNIX};
  if (snprintf(out.sun_path, sizeof out.sun_path, "%s/%d", dir, i) >= (int)sizeof out.sun_path) exit(1);
  return out;
}

static void answer_for_ever(int listening) {
  char request[4096], reply[600];
  memset(reply, 'x', sizeof reply);
  reply[sizeof reply - 1] = '\n';
  struct epoll_event event = {.events = EPOLLIN};
  const int epoll = epoll_create1(0);
  if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &event) != 0) exit(1);
  while (epoll_wait(epoll, &event, 1, -1) >= 0) {
    const int client = accept(listening, NULL, NULL);
    if (client < 0) continue;
    if (recv(client, request, sizeof request, 0) > 0) send(client, reply, sizeof reply, MSG_NOSIGNAL);
    close(client);
  }
  exit(1);
}

static int serve(const char* dir, int count) {
  for (int i = 0; i < count; ++i) {
    const struct sockaddr_un at = address(dir, i);
    const int listening = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listening, (const struct sockaddr*)&at, sizeof at) != 0 || listen(listening, 128) != 0) return 1;
    const pid_t pid = fork();
    if (pid < 0) return 1;
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      answer_for_ever(listening);
    }
    close(listening);
  }
  printf("ready\n");
  fflush(stdout);
  for (;;)
    pause();
}

static int ask(const char* dir, int count) {
  static const char request[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"status\"}\n";
  int* sockets = calloc((size_t)count, sizeof *sockets);
  for (int i = 0; i < count; ++i) {
    const struct sockaddr_un at = address(dir, i);
    sockets[i] = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(sockets[i], (const struct sockaddr*)&at, sizeof at) != 0) return 1;
    if (send(sockets[i], request, sizeof request - 1, 0) < 0) return 1;
  }
  for (int i = 0; i < count; ++i) {
    char reply[4096];
    const ssize_t got = recv(sockets[i], reply, sizeof reply, 0);
    if (got <= 0 || fwrite(reply, 1, (size_t)got, stdout) != (size_t)got) return 1;
    close(sockets[i]);
  }
  return 0;
}

int main(int argc, char** argv) {
  if (argc == 4 && strcmp(argv[1], "serve") == 0) return serve(argv[2], atoi(argv[3]));
  return argc == 3 ? ask(argv[1], atoi(argv[2])) : 2;
}
