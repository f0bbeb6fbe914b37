// Runs scenarios/*.txt: a file is commands with what each leads to, in simulated time that begins at 0.
//
//   # comment
//   spec FIELD=VALUE ...    before the first command; also jitter=SEED, and for ready the number of
//   conditions:
//                           ready=event (one), ready=2, ready=1+secs
//   COMMAND                 start, stop-now, spawned #1 pid=100, exit #1 code=1 leftovers, signal #1 HUP ...
//   ----
//   what the machine does about it, and how far away its deadline is then
//
// `advance 10s` lets time pass, `skip 10s` does so too but the Ticks are late, `status` shows the facts,
// `restore` goes on with a machine made from the snapshot.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "tests/core/sim.hpp"
#include "tests/core/text_files.hpp"

namespace keeper {
namespace {

using Words = std::vector<std::string>;

Words words_of(const std::string& line) {
  std::istringstream in(line);
  Words words;
  for (std::string word; in >> word;)
    words.push_back(word);
  return words;
}

/// "code=1" is value_of(word, "code=") "1".
std::optional<std::string> value_of(const std::string& word, const std::string& key) {
  if (!word.starts_with(key)) return std::nullopt;
  return word.substr(key.size());
}

ExitInfo exit_of(const std::string& word) {
  if (auto code = value_of(word, "code=")) return ExitInfo::code(std::stoi(*code));
  if (auto signal = value_of(word, "signal=")) return ExitInfo::signal(*parse_signal(*signal));
  return ExitInfo::unknown();
}

bool has(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

const std::map<std::string, Event> kPlainEvents = {{"start", event::Start{}},
                                                   {"await", event::Await{}},
                                                   {"stop", event::Stop{}},
                                                   {"scale", event::Stop{Cause::scale}},
                                                   {"stop-now", event::StopNow{}},
                                                   {"restart", event::Restart{}},
                                                   {"reload", event::Reload{}},
                                                   {"tick", event::Tick{}},
                                                   {"program-changed", event::ProgramChanged{}}};

std::optional<Event> run_event(const Words& w, RunId run) {
  if (w[0] == "spawned") return event::SpawnSucceeded{run, std::stoi(*value_of(w.at(2), "pid="))};
  if (w[0] == "spawn-failed") return event::SpawnFailed{run, has(w, "permanent"), "exec /srv/api: it failed"};
  if (w[0] == "ready") return event::Ready{run, w.size() > 2 ? std::stoi(*value_of(w[2], "condition=")) : 0};
  if (w[0] == "exit")
    return event::Exited{run, exit_of(w.at(2)), has(w, "leftovers"), has(w, "out-of-memory")};
  if (w[0] == "unshown") return event::Unshown{run, w.at(2)};
  if (w[0] == "extend") return event::Extend{run, *parse_duration(*value_of(w.at(2), "by="))};
  if (w[0] == "alive") return event::Alive{run};
  if (w[0] == "ends-itself") return event::EndsItself{run};
  if (w[0] == "watchdog") return event::Watchdog{run, *parse_duration(*value_of(w.at(2), "every="))};
  if (w[0] == "hangs") return event::Hangs{run};
  if (w[0] == "main-moved") return event::MainMoved{run, std::stoi(*value_of(w.at(2), "pid="))};
  if (w[0] == "empty") return event::TreeEmpty{run};
  if (w[0] == "suspend") return event::Suspended{run};
  if (w[0] == "continue") return event::Continued{run};
  if (w[0] == "refused") return event::Refused{run, "not permitted: pid 101 runs as root"};
  if (w[0] == "signal") return event::UserSignal{run, *parse_signal(w.at(2))};
  return std::nullopt;
}

std::optional<Event> event_of(const Words& words) {
  if (words == Words{"start", "by", "keeper"}) return event::Start{By::keeper};
  if (words.size() == 2 && words[0] == "reload")
    return event::Reload{*parse_duration(*value_of(words[1], "canary="))};
  if (auto plain = kPlainEvents.find(words[0]); plain != kPlainEvents.end()) return plain->second;
  if (words.size() < 2 || words[1][0] != '#') return std::nullopt;
  return run_event(words, std::stoull(words[1].substr(1)));
}

class Scenario {
 public:
  /// The text with what happens now in place of what stood there.
  std::string replay(const std::string& text) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
      take(line);
    return out_;
  }

 private:
  void take(const std::string& line) {
    if (line == "----") in_answer_ = true;
    bool old = in_answer_ || (after_answer_ && line.empty());
    if (line.empty()) in_answer_ = false;
    if (old) return;
    after_answer_ = false;
    if (line.empty() || line[0] == '#') return add(line);
    if (line.starts_with("spec ")) return set(line);
    perform(line);
  }

  void perform(const std::string& line) {
    add(line);
    add("----");
    for (const std::string& each : answer(words_of(line)))
      add(each);
    add("");
    after_answer_ = true;
  }

  void add(const std::string& line) { out_ += line + '\n'; }

  void set(const std::string& line) {
    add(line);
    Words words = words_of(line);
    for (std::size_t i = 1; i < words.size(); ++i) {
      std::size_t equals = words[i].find('=');
      set_field(words[i].substr(0, equals), words[i].substr(equals + 1));
    }
    sim_ = Sim(policy());
  }

  void set_field(const std::string& name, const std::string& value) {
    if (name == "ready" || name == "ready_timeout" || name == "jitter" || name == "watchdog") {
      extra_[name] = value;
      return;
    }
    for (const Field& field : spec_fields())
      if (field.name == name) return expect_done(field.set(spec_, value), name);
    ADD_FAILURE() << "no field " << name;
  }

  void expect_done(const Done& done, const std::string& name) {
    if (!done) ADD_FAILURE() << name << ": " << done.error().text();
  }

  Policy policy() {
    Policy policy = make_policy(spec_, extra_.contains("jitter") ? std::stoull(extra_["jitter"]) : 0);
    // ready=event, ready=2 (conditions), ready=2+secs
    if (extra_.contains("ready")) {
      const std::string& ready = extra_["ready"];
      policy.ready_events = ready == "event" ? 1 : std::stoi(ready);
      policy.ready_secs = ready.ends_with("+secs");
    }
    if (extra_.contains("watchdog")) policy.watchdog = *parse_duration(extra_["watchdog"]);
    if (extra_.contains("ready_timeout")) policy.ready_timeout = *parse_duration(extra_["ready_timeout"]);
    return policy;
  }

  Lines answer(const Words& words) {
    if (words[0] == "status") return {describe(sim_.machine)};
    if (words[0] == "restore") return restore();
    Lines lines;
    if (words[0] == "advance")
      lines = sim_.advance(*parse_duration(words.at(1)));
    else if (words[0] == "skip")
      sim_.now += *parse_duration(words.at(1));
    else if (auto event = event_of(words))
      lines = sim_.tell(*event);
    else
      ADD_FAILURE() << "no command " << words[0];
    if (lines.empty()) lines.push_back("nothing");
    if (auto deadline = sim_.machine.deadline())
      lines.push_back("deadline " + duration_text(*deadline - sim_.now));
    return lines;
  }

  Lines restore() {
    sim_.machine = Machine(sim_.machine.policy(), sim_.machine.snapshot());
    return {describe(sim_.machine)};
  }

  Spec spec_;
  std::map<std::string, std::string> extra_;
  Sim sim_{Policy{}};
  std::string out_;
  bool in_answer_ = false;     ///< within the answer that stood in the text
  bool after_answer_ = false;  ///< an answer was just written, with the empty line that ends it
};

std::vector<std::string> scenario_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(TEST_DATA "/scenarios"))
    if (entry.path().extension() == ".txt") names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

class Scenarios : public testing::TestWithParam<std::string> {};

TEST_P(Scenarios, GoAsWritten) {
  std::string path = TEST_DATA "/scenarios/" + GetParam() + ".txt";
  std::string text = read_text(path);
  ASSERT_FALSE(text.empty()) << path;
  expect_text(path, text, Scenario().replay(text));
}

INSTANTIATE_TEST_SUITE_P(Machine, Scenarios, testing::ValuesIn(scenario_names()),
                         [](const auto& param) { return param.param; });

}  // namespace
}  // namespace keeper
