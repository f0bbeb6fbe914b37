// Requests: what clients ask for, one overload per request (protocol/wire/messages.hpp). Decides nothing:
// asks the part that it is about, or tells the machine.
#pragma once
#include "keeper/app/app.hpp"
#include "keeper/app/events.hpp"
#include "keeper/control/service.hpp"

namespace keeper {

class AppFiles;
class AppLog;
class ClusterSockets;
class Configuration;
class GuardSession;
class LifecycleLog;
class RecordWriter;
class Runs;
class Signaller;
class Spawner;
class StatusBuilder;
class Subscribers;
class Waiters;

class Requests : public Service {
 public:
  /// The parts that requests are about; all of them outlive it.
  struct With {
    AppFiles& files;
    AppLog& app_log;
    ClusterSockets& cluster;
    Configuration& configuration;
    GuardSession& guard;
    LifecycleLog& log;
    RecordWriter& record;
    Runs& runs;
    Signaller& signaller;
    Spawner& spawner;
    StatusBuilder& status;
    Subscribers& subscribers;
    Waiters& waiters;
  };
  Requests(App& app, Events& events, const With& with) : app_(app), events_(events), with_(with) {}

  void handle(const Ping&, const Caller&, Answer) override;
  void handle(const GetStatus&, const Caller&, Answer) override;
  void handle(const GetSpec&, const Caller&, Answer) override;
  void handle(const Stop&, const Caller&, Answer) override;
  void handle(const RestartRun&, const Caller&, Answer) override;
  void handle(const ReloadRun&, const Caller&, Answer) override;
  void handle(const Scale&, const Caller&, Answer) override;
  void handle(const SignalRun&, const Caller&, Answer) override;
  void handle(const SendMessage&, const Caller&, Answer) override;
  void handle(const ShareSocket&, const Caller&, Answer) override;
  void handle(const GetLogs&, const Caller&, Answer) override;
  void handle(const RotateLogs&, const Caller&, Answer) override;
  void handle(const ReopenLogs&, const Caller&, Answer) override;
  void handle(const FlushLogs&, const Caller&, Answer) override;
  void handle(const Upgrade&, const Caller&, Answer) override;
  void handle(const GetWhy&, const Caller&, Answer) override;
  void handle(const WatchEvents&, const Caller&, Answer) override;
  void handle(const Discover&, const Caller&, Answer) override;
  void refused(const Caller&) override;

 private:
  bool is_reloaded(const ReloadRun& request) const;
  bool is_reloading(const ReloadRun& request) const;

  App& app_;
  Events& events_;
  With with_;
};

}  // namespace keeper
