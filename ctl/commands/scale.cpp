// ctl scale
#include <algorithm>
#include <set>

#include "ctl/cli/arguments.hpp"
#include "ctl/cli/context.hpp"
#include "ctl/commands/all.hpp"
#include "ctl/ops/call.hpp"
#include "ctl/ops/start.hpp"
#include "ctl/ops/stop.hpp"
#include "protocol/base/units.hpp"
#include "protocol/store/home.hpp"

namespace keeper {
namespace {

/// "4", or "+2" and "-1" of what there is. Nothing for a word that is neither.
std::optional<int> wanted_count(std::string_view word, int now) {
  const bool more = word.starts_with('+'), fewer = word.starts_with('-');
  auto number = parse_number(word.substr(more || fewer ? 1 : 0), 0, kMostInstances);
  if (!number) return std::nullopt;
  const int count = static_cast<int>(*number);
  return more ? now + count : fewer ? now - count : count;
}

/// What is wrong with having so many; empty if nothing is.
std::string check(const Spec& spec, int now, int wanted) {
  if (wanted < 1) return "at least one instance stays; 'ctl stop " + spec.name + "' ends all";
  if (wanted > kMostInstances) return "at most " + std::to_string(kMostInstances) + " can be kept";
  if (!spec.inherit_fds.empty() && wanted > now)
    return "its descriptors (--inherit-fds) belong to the shell that started it";
  if (!spec.listen.empty() && wanted > now)
    return "its keeper listens at " + spec.listen.front().place() +
           ", and a second one cannot; start another app with an address of its own";
  return "";
}

/// A file of instance 0 as it is called for another one.
void rename_file(std::string& path, const AppId& from, int instance) {
  if (!path.starts_with('/')) return;
  const std::string suffix = ":" + std::to_string(from.instance);
  if (from.instance != 0 && path.ends_with(suffix)) path.resize(path.size() - suffix.size());
  path = file_stem(path, instance);
}

/// The record of another instance, after that of one that runs. Errors: failed, already.
Done record_instance(const Home& home, const AppId& from, Spec spec, int instance, int count) {
  const std::string stem = file_stem(spec.name, instance);
  auto lock = home.lock(stem, Home::kLockWait);
  if (!lock) return lock.error();
  spec.instance = instance;
  spec.instances = count;
  for (std::string* path : {&spec.log, &spec.error_log, &spec.pid_file})
    rename_file(*path, from, instance);
  return home.write_spec(stem, spec);
}

/// The instances that are kept, lowest first.
std::vector<Row> kept_instances(Work& work) {
  std::vector<Row> out;
  for (const Chosen& app : work.apps)
    if (app.row.answered && has_keeper(app.row.status.state)) out.push_back(app.row);
  return out;
}

/// Those that stay hear how many there are to be.
void tell_count(Work& work, std::vector<Row> staying, int wanted, const Deadline& deadline) {
  if (static_cast<int>(staying.size()) > wanted) staying.resize(static_cast<std::size_t>(wanted));
  std::vector<Call> calls;
  for (const Row& row : staying)
    calls.push_back(call_to(row.id, Scale{wanted}));
  const Answers answers = call_all(work.home(), calls, deadline.left());
  for (std::size_t i = 0; i < staying.size(); ++i)
    if (auto reply = reply_of<Scale>(staying[i].id, answers[i]); !reply)
      work.report({Outcome::failed(staying[i].id, reply.error())});
}

void scale_up(Work& work, const std::vector<Row>& kept, const Spec& spec, int wanted,
              const Deadline& deadline) {
  auto keeper = find_keeper();
  if (!keeper) return work.fail(spec.name, exit_code::failed, keeper.error().why());
  std::set<int> taken;
  for (const Row& row : kept)
    taken.insert(row.id.instance);
  std::vector<AppId> ids;
  for (int instance = 0; static_cast<int>(kept.size() + ids.size()) < wanted; ++instance) {
    if (taken.contains(instance)) continue;
    const AppId id{spec.name, instance};
    Done done = record_instance(work.home(), kept.front().id, spec, instance, wanted);
    if (!done) return work.fail(id, exit_code::failed, done.error().why());
    ids.push_back(id);
  }
  work.report(start_apps(work.home(), *keeper, ids, true, deadline));
}

/// Those with the highest numbers; nothing is left of them but their logs.
void scale_back(Work& work, const std::vector<Row>& kept, int wanted, const Deadline& deadline) {
  const std::vector<Row> leaving(kept.begin() + wanted, kept.end());
  const std::vector<Outcome> outcomes = scale_down(work.home(), leaving, deadline);
  work.report(outcomes);
  for (const Outcome& one : outcomes) {
    if (one.code != exit_code::done) continue;
    auto lock = work.home().lock(one.id.stem(), Home::kLockWait);
    Done done = lock ? work.home().remove_app(one.id.stem()) : Done(lock.error());
    if (!done) work.fail(one.id, exit_code::failed, done.error().why());
  }
}

int run(Arguments& arguments) {
  std::vector<std::string> words;
  std::optional<Millis> timeout;
  arguments.words(words, "NAME and COUNT", 2);
  arguments.duration("--timeout", timeout, "return after so long (default: no limit)");
  if (auto code = arguments.parse()) return *code;
  if (words.size() != 2 || !wanted_count(words[1], 0))
    return arguments.wrong("one NAME is given, and how many there are to be: 4, +1 or -1");
  if (!check_name(words[0])) return arguments.wrong("'" + words[0] + "' is no name of an app");

  Deadline deadline = whole_command(timeout);
  Work work("scale");
  if (auto code = work.find({words[0]}, to_find(timeout))) return *code;
  const std::vector<Row> kept = kept_instances(work);
  if (kept.empty()) {
    if (!work.apps.empty()) work.fail(words[0], exit_code::not_running, "it is not running");
    return work.exit_code();
  }
  auto spec = work.home().read_spec(kept.front().id.stem());
  if (!spec) {
    work.fail(words[0], exit_code::failed, spec.error().why());
    return work.exit_code();
  }
  const int now = static_cast<int>(kept.size()), wanted = *wanted_count(words[1], now);
  if (std::string wrong = check(*spec, now, wanted); !wrong.empty()) {
    work.fail(words[0], exit_code::failed, wrong);
    return work.exit_code();
  }
  tell_count(work, kept, wanted, deadline);
  if (wanted == now)
    work.done(words[0] + " has " + std::to_string(now) + " already");
  else if (wanted > now)
    scale_up(work, kept, *spec, wanted, deadline);
  else
    scale_back(work, kept, wanted, deadline);
  return work.exit_code();
}

}  // namespace

Command scale_command() {
  return {"scale",
          0,
          {},
          "NAME COUNT",
          "Changes how many instances of an app there are.",
          "COUNT is a number, or +N or -N. New ones have the lowest free numbers, and are waited for until "
          "they are "
          "ready. Those with the highest numbers go: workers of a cluster leave it first, answer what they "
          "have, and "
          "what waits in its queue is answered by the others. Their records go, their logs stay.\n",
          "  ctl scale api 4         four instances\n"
          "  ctl scale api -1        one fewer\n",
          run};
}

}  // namespace keeper
