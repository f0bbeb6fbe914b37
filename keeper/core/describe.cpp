#include "keeper/core/describe.hpp"

namespace keeper {
namespace {

std::string number(auto value) {
  return std::to_string(value);
}
std::string of_run(std::string_view what, RunId run) {
  return std::string(what) + " #" + number(run);
}

std::string exit_words(const ExitInfo& exit) {
  switch (exit.kind) {
    case ExitInfo::Kind::code: return "code=" + number(exit.value);
    case ExitInfo::Kind::signal: return "signal=" + signal_name(exit.value);
    case ExitInfo::Kind::unknown: break;
  }
  return "unknown";
}

std::string cause_words(Cause cause) {
  return " cause=" + std::string(word_for(cause));
}

struct EventText {
  std::string operator()(const event::Start& e) const {
    return e.by == By::user ? "start" : "start by keeper";
  }
  std::string operator()(const event::Await&) const { return "await"; }
  std::string operator()(const event::Stop&) const { return "stop"; }
  std::string operator()(const event::StopNow&) const { return "stop-now"; }
  std::string operator()(const event::Restart&) const { return "restart"; }
  std::string operator()(const event::Reload& e) const {
    return e.canary.count() > 0 ? "reload canary=" + duration_text(e.canary) : "reload";
  }
  std::string operator()(const event::SpawnSucceeded& e) const {
    return of_run("spawned", e.run) + " pid=" + number(e.pid);
  }
  std::string operator()(const event::SpawnFailed& e) const {
    return of_run("spawn-failed", e.run) + (e.permanent ? " permanent" : "");
  }
  std::string operator()(const event::Ready& e) const {
    return of_run("ready", e.run) + (e.condition > 0 ? " condition=" + number(e.condition) : "");
  }
  std::string operator()(const event::Unshown& e) const {
    return of_run("unshown", e.run) + " (" + e.text + ')';
  }
  std::string operator()(const event::Extend& e) const {
    return of_run("extend", e.run) + " by=" + duration_text(e.by);
  }
  std::string operator()(const event::EndsItself& e) const { return of_run("ends-itself", e.run); }
  std::string operator()(const event::Alive& e) const { return of_run("alive", e.run); }
  std::string operator()(const event::Watchdog& e) const {
    return of_run("watchdog", e.run) + " every=" + duration_text(e.every);
  }
  std::string operator()(const event::Hangs& e) const { return of_run("hangs", e.run); }
  std::string operator()(const event::MainMoved& e) const {
    return of_run("main-moved", e.run) + " pid=" + number(e.pid);
  }
  std::string operator()(const event::ProgramChanged&) const { return "program-changed"; }
  std::string operator()(const event::Exited& e) const {
    return of_run("exit", e.run) + ' ' + exit_words(e.exit) + (e.leftovers ? " leftovers" : "") +
           (e.out_of_memory ? " out-of-memory" : "");
  }
  std::string operator()(const event::TreeEmpty& e) const { return of_run("empty", e.run); }
  std::string operator()(const event::Refused& e) const {
    return of_run("refused", e.run) + " (" + e.text + ')';
  }
  std::string operator()(const event::Suspended& e) const { return of_run("suspend", e.run); }
  std::string operator()(const event::Continued& e) const { return of_run("continue", e.run); }
  std::string operator()(const event::UserSignal& e) const {
    return of_run("signal", e.run) + ' ' + signal_name(e.signal);
  }
  std::string operator()(const event::Tick&) const { return "tick"; }
};

struct ActionText {
  std::string operator()(const action::Spawn& a) const { return of_run("spawn", a.run); }
  std::string operator()(const action::Signal& a) const {
    if (a.signal == action::Signal::leave_cluster) return of_run("leave-cluster", a.run);
    if (a.signal == action::Signal::stop_message) return of_run("stop-message", a.run);
    return of_run("signal", a.run) + ' ' + signal_name(a.signal) + ' ' + std::string(word_for(a.scope));
  }
  std::string operator()(const action::Announce& a) const {
    std::string text = "announce " + std::string(word_for(a.what));
    if (a.run) text = of_run(text, a.run);
    if (a.what == action::What::started || a.what == action::What::main_moved)
      text += " pid=" + number(a.pid);
    if (a.exit) text += ' ' + exit_words(*a.exit);
    if (a.cause) text += cause_words(*a.cause);
    if (a.what == action::What::cleared) text += " after=" + duration_text(a.lived);
    if (a.what == action::What::exited) text += " lived=" + duration_text(a.lived);
    if (a.until) text += " until=" + duration_text(*a.until);
    return a.text.empty() ? text : text + " (" + a.text + ')';
  }
  std::string operator()(const action::Leave& a) const { return "leave " + std::string(word_for(a.state)); }
};

std::string life_text(std::string_view place, const Life& life) {
  std::string text = "; " + of_run(place, life.run) + ' ' + std::string(word_for(life.phase));
  if (life.trial.at || life.trial.held) text += " on trial";
  if (life.suspended) text += " suspended";
  if (!life.stuck.empty()) text += " stuck";
  return text;
}

std::string lives_text(const Snapshot& s) {
  std::string text;
  if (s.serving) text += life_text("serving", *s.serving);
  if (s.incoming) text += life_text("incoming", *s.incoming);
  for (const Life& life : s.leaving)
    text += life_text("leaving", life);
  return text;
}

std::string end_text(const LastEnd& end) {
  return "; last " + of_run("", end.run).substr(1) + ' ' + exit_words(end.exit) + cause_words(end.cause) +
         " lived=" + duration_text(end.lived);
}

}  // namespace

std::string describe(const Event& event) {
  return std::visit(EventText{}, event);
}

std::string describe(const Action& action) {
  return std::visit(ActionText{}, action);
}

std::string describe(const Machine& machine) {
  std::string text(word_for(machine.state()));
  text += " wanted=" + std::string(word_for(machine.wanted())) + " run=" + number(machine.run());
  if (auto pid = machine.pid()) text += " pid=" + number(*pid);
  if (machine.ready()) text += " ready";
  text += " restarts=" + number(machine.restarts());
  if (auto next = machine.next_start()) text += " next=" + duration_text(*next);
  text += lives_text(machine.snapshot());
  if (machine.last_end()) text += end_text(*machine.last_end());
  if (!machine.spawn_error().empty()) text += "; spawn error: " + machine.spawn_error();
  if (!machine.reason().empty()) text += "; reason: " + machine.reason();
  return text;
}

}  // namespace keeper
