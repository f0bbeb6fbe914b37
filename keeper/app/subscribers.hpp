// Subscribers: clients that watch what happens to the app (ctl events, ctl wait).
#pragma once
#include <string>

#include "keeper/app/app.hpp"
#include "keeper/app/part.hpp"
#include "keeper/app/status_source.hpp"
#include "keeper/control/streams.hpp"

namespace keeper {

class Runs;

class Subscribers : public Part {
 public:
  Subscribers(App& app, Runs& runs, StatusSource& status)
      : app_(app), runs_(runs), status_(status), streams_([this] { return event_now("now"); }) {}

  void add(const Answer& answer) { streams_.add(answer); }
  bool empty() { return streams_.empty(); }
  /// Sends an event that is no decision of the machine. `run`: what it is about. `text`: empty for none.
  void send(RunId run, const char* event, std::string text);
  /// Sends that the log cannot be written, or is written again (`trouble` is empty).
  void send_log_trouble(const std::string& trouble, std::uint64_t dropped);
  /// Sends the last event: the app is over.
  void send_left();

  void published(const action::Announce& a) override;

 private:
  AppEvent event_now(std::string event);

  App& app_;
  Runs& runs_;
  StatusSource& status_;
  Streams streams_;
};

}  // namespace keeper
