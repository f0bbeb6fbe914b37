// A service for those who serve clients: answers when the test says so.
#pragma once
#include <fcntl.h>

#include <string>
#include <utility>
#include <vector>

#include "keeper/control/service.hpp"
#include "keeper/control/streams.hpp"

namespace keeper {

/// Answers ping at once, stop when it is told to, logs with 100 kB.
class FakeService : public Service {
 public:
  void handle(const Ping&, const Caller& caller, Answer answer) override {
    ++pings;
    last = caller;
    answer.give(Pong{"api", 42, "test", kProtocol});
  }
  void handle(const Stop&, const Caller&, Answer answer) override { waiting.push_back(std::move(answer)); }
  void handle(const GetLogs&, const Caller&, Answer answer) override {
    ++logs;
    answer.give(LogLines{"/x.log", 100'000, {std::string(100'000, 'x')}, false});
  }
  void handle(const SignalRun&, const Caller&, Answer answer) override {
    answer.fail({Reason::not_running, "signal api", "it has no process just now", 0});
  }
  void handle(const SendMessage& send, const Caller&, Answer answer) override {
    messages.push_back(send.message.text);
    answer.give(Sent{43});
  }
  void handle(const ShareSocket& share, const Caller&, Answer answer) override {
    answer.attach(Fd(open("/dev/null", O_RDONLY | O_CLOEXEC)));
    answer.give(SharedSocket{true, "null", share.key, 0});
  }
  void handle(const GetStatus&, const Caller&, Answer answer) override { answer.give(Status{}); }
  void handle(const GetSpec&, const Caller&, Answer answer) override { answer.give(Spec{}); }
  void handle(const RestartRun&, const Caller&, Answer) override {}  // lets the answer go
  void handle(const ReloadRun&, const Caller&, Answer) override {}
  void handle(const Scale&, const Caller&, Answer) override {}
  void handle(const RotateLogs&, const Caller&, Answer answer) override { answer.give(LogsNow{}); }
  void handle(const ReopenLogs&, const Caller&, Answer answer) override { answer.give(LogsNow{}); }
  void handle(const FlushLogs&, const Caller&, Answer answer) override { answer.give(LogsNow{}); }
  void handle(const Upgrade&, const Caller&, Answer) override {}
  void handle(const GetWhy&, const Caller&, Answer answer) override { answer.give(RunHistory{}); }
  void handle(const WatchEvents&, const Caller&, Answer answer) override { streams.add(answer); }
  void handle(const Discover&, const Caller&, Answer answer) override { answer.give(open_rpc()); }
  void refused(const Caller&) override { ++refusals; }

  int pings = 0, logs = 0, refusals = 0;
  Caller last;
  std::vector<Answer> waiting;
  std::vector<std::string> messages;
  Streams streams{[] { return event("now"); }};

  static AppEvent event(std::string what) {
    AppEvent out;
    out.event = std::move(what);
    out.name = "api";
    return out;
  }
};

inline std::string call(const std::string& method, const std::string& id = "1") {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + "\"}";
}

}  // namespace keeper
