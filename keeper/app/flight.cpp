// The flight recorder's side of a keeper: what it is fed with, what it answers, and the events that
// subscribers are told of.
#include <csignal>

#include "keeper/app/keeper.hpp"
#include "protocol/home/clock.hpp"
#include "protocol/home/proc.hpp"

namespace keeper {

Earlier read_earlier(const Home& home, const std::string& stem, bool adopted) {
  Earlier out;
  out.runs = home.read_runs(stem);
  auto record = home.read_status(stem);
  if (record && has_keeper(record->state) && record->pid && !adopted)
    add_run(out.runs, lost_run(*record, record->boot_id == boot_id() ? "keeper lost" : "reboot"));
  for (const RunRecord& run : out.runs)
    out.last_run = std::max(out.last_run, run.run);
  if (record) out.last_run = std::max(out.last_run, record->run);
  if (!record || has_keeper(record->state)) return out;
  for (const LogFile& log : record->logs)
    if (log.dropped > 0 && log.trouble)
      out.losses.push_back(dropped_text(log.dropped) + " before: " + *log.trouble);
  return out;
}

void Keeper::tell_for(Asker asker, Event event) {
  recorder_.set_asker(std::move(asker));
  bool down = std::holds_alternative<event::Stop>(event) || std::holds_alternative<event::StopNow>(event);
  recorder_.note_wish(down ? Wanted::down : Wanted::up);
  tell(std::move(event));
  recorder_.set_asker(std::nullopt);
}

Asker Keeper::asker_of(std::string by, const Caller& caller) {
  return {std::move(by), caller.pid, caller.uid, passwd_name(caller.uid)};
}

Asker Keeper::asker_of(const SignalFact& fact) {
  if (fact.from_terminal) return {fact.number == SIGQUIT ? "Ctrl-\\" : "Ctrl-C", {}, {}, {}};
  return {signal_name(fact.number), fact.pid, fact.uid, passwd_name(fact.uid)};
}

/// What only the system knows of an end. Whether the kernel ended it for want of memory.
bool Keeper::note_exit(const Run& run, const ExitInfo& exit, const std::optional<Used>& used,
                       const std::vector<int>& rest) {
  ExitFacts facts;
  for (int pid : rest)
    facts.leftovers.push_back(command_text_of(pid));
  if (used) {
    facts.max_memory_bytes = used->max_memory_bytes;
    facts.cpu_ms = used->cpu_ms;
  }
  const bool by_kill = exit == ExitInfo::signal(SIGKILL) && !run.sent_kill;
  facts.oom_kills = run.oom ? oom_kills_since(*run.oom) : 0;
  recorder_.note(run.id, facts);
  // What went into the file unseen.
  if (output_->keeps_files()) recorder_.set_output(output_->last_output(OutputTail::kMost));
  return by_kill && facts.oom_kills > 0;
}

void Keeper::handle(const GetWhy& request, const Caller&, Answer answer) {
  RunHistory history{recorder_.runs()};
  if (const Run* run = find(machine_.run()); run != nullptr && run->oom)
    if (const auto kills = oom_kills_since(*run->oom); kills > 0) history.oom_kills = kills;
  if (request.lines)
    for (RunRecord& run : history.runs)
      run.output.text = std::string(last_lines(run.output.text, *request.lines));
  answer.give(history);
}

void Keeper::handle(const WatchEvents&, const Caller&, Answer answer) {
  streams_.add(answer);
}

AppEvent Keeper::event_now(std::string event) {
  AppEvent out;
  out.event = std::move(event);
  out.status = status();
  if (leaving_as_) out.status->state = *leaving_as_;
  out.at = wall_now();
  out.name = out.status->name;
  out.instance = out.status->instance;
  out.state = out.status->state;
  out.ready = out.status->ready;
  out.run = out.status->run;
  out.pid = out.status->pid;
  return out;
}

void Keeper::tell_subscribers(const action::Announce& a) {
  if (streams_.empty()) return;
  AppEvent event = event_now(std::string(word_for(a.what)));
  event.status.reset();
  if (a.run != 0) event.run = a.run;
  if (a.pid != 0) event.pid = a.pid;
  event.exit = a.exit;
  if (a.cause) event.cause = word_for(*a.cause);
  if (a.what == action::What::exited)
    if (const RunRecord* record = recorder_.record_of(a.run)) {
      event.cause = record->cause;
      event.text = record->left_behind;
    }
  if (a.what == action::What::cleared) event.text = "after " + lived_text(a.lived);
  if (a.until) event.until = wall_now() + (*a.until - steady_now());
  if (!a.text.empty()) event.text = a.text;
  if (a.what == action::What::stopping && recorder_.asker()) event.text = asker_text(*recorder_.asker());
  if (a.what == action::What::killing)
    if (const Run* run = find(a.run); run != nullptr && !run->killed_text.empty())
      event.text = run->killed_text;
  if (a.what == action::What::survivors) {
    event.text.reset();
    for (int pid : survivors_)
      event.text = (event.text ? *event.text + ", pid " : "pid ") + std::to_string(pid);
  }
  streams_.send(std::move(event));
}

/// Tells it to those who may only hear of what is recorded.
void Keeper::publish(const action::Announce& a) {
  tell_subscribers(a);
  for (Part* part : parts_)
    part->published(a);
}

/// What is still to be told, and the last word: after the record, before the connections close.
void Keeper::take_leave() {
  for (const action::Announce& a : std::exchange(to_tell_, {}))
    tell_subscribers(a);
  if (!streams_.empty()) streams_.send(event_now("left"));
}

}  // namespace keeper
