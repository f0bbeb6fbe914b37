#include "keeper/app/subscribers.hpp"

#include "keeper/app/runs.hpp"
#include "protocol/base/clock.hpp"

namespace keeper {

void Subscribers::send(RunId id, const char* what, std::string text) {
  if (streams_.empty()) return;
  AppEvent event = event_now(what);
  event.status.reset();
  event.run = id;
  if (const Run* run = runs_.find(id)) event.pid = run->pid;
  if (!text.empty()) event.text = std::move(text);
  streams_.send(std::move(event));
}

AppEvent Subscribers::event_now(std::string event) {
  AppEvent out;
  out.event = std::move(event);
  out.status = status_.status();
  if (app_.leaving_as) out.status->state = *app_.leaving_as;
  out.at = wall_now();
  out.name = out.status->name;
  out.instance = out.status->instance;
  out.state = out.status->state;
  out.ready = out.status->ready;
  out.run = out.status->run;
  out.pid = out.status->pid;
  return out;
}

void Subscribers::published(const action::Announce& a) {
  if (streams_.empty()) return;
  AppEvent event = event_now(std::string(word_for(a.what)));
  event.status.reset();
  if (a.run != 0) event.run = a.run;
  if (a.pid != 0) event.pid = a.pid;
  event.exit = a.exit;
  if (a.cause) event.cause = word_for(*a.cause);
  if (a.what == action::What::exited)
    if (const RunRecord* record = app_.recorder.record_of(a.run)) {
      event.cause = record->cause;
      event.text = record->left_behind;
    }
  if (a.what == action::What::cleared) event.text = "after " + lived_text(a.lived);
  if (a.until) event.until = wall_now() + (*a.until - steady_now());
  if (!a.text.empty()) event.text = a.text;
  if (a.what == action::What::stopping && app_.recorder.asker())
    event.text = asker_text(*app_.recorder.asker());
  if (a.what == action::What::killing)
    if (const Run* run = runs_.find(a.run); run != nullptr && !run->killed_text.empty())
      event.text = run->killed_text;
  if (a.what == action::What::survivors) {
    event.text.reset();
    for (int pid : runs_.survivors())
      event.text = (event.text ? *event.text + ", pid " : "pid ") + std::to_string(pid);
  }
  streams_.send(std::move(event));
}

void Subscribers::send_log_trouble(const std::string& trouble, std::uint64_t dropped) {
  if (streams_.empty()) return;
  AppEvent event = event_now(trouble.empty() ? "log_well" : "log_trouble");
  event.status.reset();
  if (!trouble.empty()) event.text = trouble;
  if (trouble.empty() && dropped > 0) event.text = dropped_text(dropped);
  if (dropped > 0) event.dropped = dropped;
  streams_.send(std::move(event));
}

void Subscribers::send_left() {
  if (!streams_.empty()) streams_.send(event_now("left"));
}

}  // namespace keeper
