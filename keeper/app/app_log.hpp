// AppLog: the program's output on its way into the log, and what clients ask of the log.
#pragma once
#include <list>
#include <optional>
#include <string>
#include <string_view>

#include "keeper/app/app.hpp"
#include "keeper/app/part.hpp"
#include "keeper/control/log_feeds.hpp"
#include "keeper/control/service.hpp"

namespace keeper {

class AppFiles;
class FdStore;
class ReadinessTracker;
class Runs;
class StateJournal;
class Subscribers;
class Terminal;

class AppLog : public Part {
 public:
  /// The other parts that it speaks with; all of them outlive it.
  struct With {
    FdStore& store;
    StateJournal& journal;
    AppFiles& files;
    ReadinessTracker& readiness;
    Terminal& terminal;
    Subscribers& subscribers;
  };
  AppLog(App& app, const With& with) : app_(app), with_(with), feeds_(app.io) {}

  /// Opens the log, and goes on with what a predecessor left unwritten. Errors: no descriptors, no right.
  Done open(const std::optional<LeftBehind>& left);

  void show(const GetLogs& request, const Answer& answer);
  void rotate(const Answer& answer) { answer_with("rotate", &AppOutput::rotate, answer); }
  void reopen(const Answer& answer) { answer_with("reopen", &AppOutput::reopen, answer); }
  /// Empties the logs in parts, for whoever asked first; answers when that is done.
  void flush(Answer answer);
  /// Answers what is still owed: the app is over.
  void finish();

  void describe(Status& status) override;
  void save(KeptState& state) const override;
  void add_descriptors(std::vector<HeldFd>& out) const override;

 private:
  /// Somebody waits until the logs are empty.
  struct Flush {
    Answer answer;
    std::size_t log = 0;  ///< the next one
    Done failed{};        ///< the first error
  };
  OutputMemory memory(const std::optional<LeftBehind>& left);
  OutputHooks hooks();
  void on_output(std::string_view bytes, LogStream from);
  void on_trouble(const std::string& what, std::uint64_t dropped);
  void flush_part();
  void answer_with(const std::string& doing, Done (AppOutput::*act)(), const Answer& answer);

  App& app_;
  With with_;
  LogFeeds feeds_;
  std::list<Flush>
      flushes_;  ///< under way, one after the other; a deque would take 600 bytes while there is none
};

}  // namespace keeper
