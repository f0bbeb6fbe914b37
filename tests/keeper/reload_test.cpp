// ctl reload: a new run beside the old one, which ends when the new one works, and goes on where it does not.
#include <list>

#include "tests/keeper/support/serving.hpp"

namespace keeper {
namespace {

using std::string;

Outcome reload(Sandbox& box, Words options = {}) {
  Words words = {"reload", "api"};
  words.insert(words.end(), options.begin(), options.end());
  return box.ctl(words);
}

/// The old one serves on, as the only one. `others`: processes of the test's own.
void expect_kept(Sandbox& box, Serving& api, int pid, const Outcome& out, const string& why,
                 std::size_t others = 0) {
  EXPECT_EQ(1, out.code) << out.all();
  EXPECT_TRUE(has(out.err, "ctl: cannot reload api: kept pid " + std::to_string(pid) + ": " + why))
      << out.all();
  EXPECT_EQ(pid, box.pid("api"));
  EXPECT_EQ("running", box.state("api"));
  EXPECT_EQ(0u, box.status("api")->restarts);
  EVENTUALLY(box.processes().size() == 3u + others);  // guard, keeper, program
  EXPECT_EQ("1", api.version());
}

TEST(Reload, NoConnectionIsRefusedOrLost) {
  Sandbox box;
  Serving api(box);
  const auto before = *box.status("api");
  Clients clients(box, api.port());
  for (const char* version : {"2", "3", "4 slow 0.2"}) {
    const int pid = box.pid("api");
    api.set_version(version);
    Outcome out = reload(box);
    EXPECT_EQ(0, out.code) << out.all();
    const int now = box.pid("api");
    EXPECT_EQ("reloaded api: pid " + std::to_string(pid) + " -> " + std::to_string(now) + "\n", out.out);
    EVENTUALLY(!alive(pid));
  }
  EXPECT_EQ("4", api.version());
  const auto after = *box.status("api");
  EXPECT_GT(after.started_at, before.started_at);
  EXPECT_EQ(before.run + 3, after.run);
  EXPECT_TRUE(after.confirmed_at.has_value());
  EXPECT_FALSE(after.stopped_at.has_value());
  EXPECT_EQ(0u, after.restarts);
  EXPECT_EQ("reload", after.last_exit->cause);
  EXPECT_EQ(std::to_string(*after.pid) + "\n", read_text(box.home() / "apps/api/pid"));
  clients.expect_all_answered();
}

/// Without a word of readiness: a run that lives for its start-secs is one that serves.
TEST(Reload, AServerInCLosesNoConnection) {
  Sandbox box;
  const int port = free_port();
  box.detach("api", {"--listen", "tcp:127.0.0.1:" + std::to_string(port), CHILDREN_DIR "/accepts"});
  Clients clients(box, port);
  for (int again = 0; again < 3; ++again) {
    const int pid = box.pid("api");
    const Outcome out = again == 1 ? box.ctl({"restart", "api", "--wait"}) : reload(box);
    EXPECT_EQ(0, out.code) << out.all();
    EVENTUALLY(!alive(pid));
  }
  clients.expect_all_answered();
}

/// It takes sockets that it is told of by a variable of its own.
TEST(Reload, NginxLosesNoConnection) {
  Sandbox box;
  if (box.run({{"sh", "-c", "command -v nginx"}}).code != 0) GTEST_SKIP() << "no nginx here";
  const int port = free_port();
  const string address = "127.0.0.1:" + std::to_string(port);
  string http = "access_log off; server { listen " + address + "; return 200 hello; }";
  for (const char* what : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
    http += string(what) + "_temp_path " + (box.work() / what).string() + ";";
  write_text(box.work() / "nginx.conf", "daemon off; pid " + (box.work() / "nginx.pid").string() +
                                            "; error_log stderr; events {} http { " + http + " }");
  box.detach("api",
             {"--listen", "tcp:" + address, "-e", "NGINX=3;", "--stop-signal", "QUIT", "--stop-timeout",
              "20s", "nginx", "-e", "stderr", "-c", (box.work() / "nginx.conf").string()});
  EVENTUALLY(has(get(port), "hello"));
  Asking one(port), other(port);
  for (int again = 0; again < 3; ++again) {
    const int pid = box.pid("api");
    const Outcome out = again == 1 ? box.ctl({"restart", "api", "--wait"}) : reload(box);
    EXPECT_EQ(0, out.code) << out.all();
    EVENTUALLY(!alive(pid));
  }
  for (Asking* asking : {&one, &other}) {
    asking->end();
    EXPECT_GT(asking->asked(), 0);
    EXPECT_EQ(0, asking->failed()) << "of " << asking->asked();
  }
}

TEST(Reload, AVersionThatThrowsIsNotKept) {
  Sandbox box;
  Serving api(box);
  const int pid = box.pid("api");
  Clients clients(box, api.port());
  api.set_version("2 throws");
  Outcome out = reload(box);
  EXPECT_TRUE(has(out.err, "its last lines:\n")) << out.all();
  EXPECT_TRUE(has(out.err, "  | RuntimeError: this version throws\n")) << out.all();
  expect_kept(box, api, pid, out, "ended too early: code 1", 1);
  EXPECT_EQ(std::to_string(pid) + "\n", read_text(box.home() / "apps/api/pid"));
  clients.expect_all_answered();
}

TEST(Reload, AVersionThatNeverSaysThatItIsReadyIsNotKept) {
  Sandbox box;
  Serving api(box, {"--ready-timeout", "4s"});  // Python starts within that beside other tests too
  const int pid = box.pid("api");
  api.set_version("2 mute");
  expect_kept(box, api, pid, reload(box), "not ready within 4s: notify: no READY=1 has come");
}

TEST(Reload, AVersionThatDiesWithinItsCanaryTimeIsNotKept) {
  Sandbox box;
  Serving api(box);
  const int pid = box.pid("api");
  Clients clients(box, api.port());
  api.set_version("2 dies 0.5");
  Outcome out = reload(box, {"--canary", "10s"});
  EXPECT_LT(out.took, Millis(9'000));
  EXPECT_TRUE(has(out.err, "  | version 2 dies\n")) << out.all();
  expect_kept(box, api, pid, out, "ended within 10s of being ready: code 7", 1);
  clients.expect_all_answered();
}

TEST(Reload, BothServeDuringTheCanaryTime) {
  Sandbox box;
  Serving api(box);
  const int pid = box.pid("api");
  api.set_version("2");
  Clients clients(box, api.port());
  Background out = box.start({{program("ctl"), "reload", "api", "--canary", "1s"}});
  EVENTUALLY(api.version() == "2");
  EXPECT_TRUE(alive(pid));
  EXPECT_EQ(pid, box.pid("api"));
  EXPECT_EQ(0, out.wait());
  EXPECT_NE(pid, box.pid("api"));
  EVENTUALLY(!alive(pid));
  EXPECT_EQ("2", api.version());
  clients.expect_all_answered();
}

/// Either of the two is killed meanwhile, and the reload goes on.
void kill_one_meanwhile(bool guard) {
  Sandbox box;
  Serving api(box);
  const int pid = box.pid("api");
  api.set_version("2 slow 1");
  Clients clients(box, api.port());
  Background out = box.start({{program("ctl"), "reload", "api"}});
  EVENTUALLY(box.processes().size() >= 6u);  // guard, keeper, two programs, ctl, asks.py
  kill(guard ? box.guard_pid("api") : box.keeper_pid("api"), SIGKILL);
  EXPECT_EQ(0, out.wait()) << out.err();
  EVENTUALLY(box.pid("api") != pid && box.state("api") == "running" && !alive(pid));
  EXPECT_EQ("2", api.version());
  EXPECT_EQ(0u, box.status("api")->restarts);
  EXPECT_TRUE(box.status("api")->confirmed_at.has_value());
  clients.expect_all_answered();
}

TEST(Reload, GoesOnWhenItsKeeperIsKilled) {
  kill_one_meanwhile(false);
}

TEST(Reload, GoesOnWhenItsGuardIsKilled) {
  kill_one_meanwhile(true);
}

TEST(Reload, AFailedOneIsKnownToTheNextKeeperToo) {
  Sandbox box;
  Serving api(box, {"--ready-timeout", "2s"});
  const int pid = box.pid("api");
  api.set_version("2 mute");
  Background out = box.start({{program("ctl"), "reload", "api"}});
  EVENTUALLY(box.processes().size() >= 5u);
  kill(box.keeper_pid("api"), SIGKILL);
  EXPECT_EQ(1, out.wait());
  EXPECT_TRUE(has(out.err(), "kept pid " + std::to_string(pid) + ": not ready within 2s")) << out.err();
  EXPECT_EQ("1", api.version());
}

TEST(Reload, AVariableAppliesFromTheNewRunOnAndIsSaid) {
  Sandbox box;
  Serving api(box, {"-e", "LEVEL=one"});
  EXPECT_TRUE(has(api.ask(), " one\n"));
  Outcome out = reload(box, {"-e", "LEVEL=two"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(out.err, "ctl: api: env: LEVEL changed\n")) << out.all();
  EVENTUALLY(has(api.ask(), " two\n"));
  EXPECT_EQ(0, box.ctl({"restart", "api", "--wait"}).code);
  EXPECT_TRUE(has(api.ask(), " two\n"));
  out = box.ctl({"restart", "api", "--wait", "-e", "LEVEL=three"});
  EXPECT_TRUE(has(out.err, "ctl: api: env: LEVEL changed\n")) << out.all();
  EXPECT_TRUE(has(api.ask(), " three\n"));
}

TEST(Reload, AVariableOfARunThatFailedIsForgotten) {
  Sandbox box;
  Serving api(box, {"-e", "LEVEL=one"});
  api.set_version("2 throws");
  EXPECT_EQ(1, reload(box, {"-e", "LEVEL=two"}).code);
  EXPECT_TRUE(has(read_text(box.home() / "apps/api/spec.json"), "\"LEVEL\": \"one\""));
  api.set_version("3");
  const int pid = box.pid("api");
  kill(pid, SIGKILL);
  EVENTUALLY(box.runs_another("api", pid));
  EXPECT_TRUE(has(api.ask(), "3 ")) << api.ask();
  EXPECT_TRUE(has(api.ask(), " one\n")) << api.ask();
}

TEST(Reload, TheCallersVariablesAreTakenWhereThatIsAskedFor) {
  Sandbox box;
  Serving api(box);
  EXPECT_TRUE(has(api.ask(), " \n"));
  Outcome out = box.run({.words = {program("ctl"), "reload", "api"}, .environment = {{"LEVEL", "shell"}}});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(api.ask(), " \n"));
  out = box.run(
      {.words = {program("ctl"), "reload", "api", "--refresh-env"}, .environment = {{"LEVEL", "shell"}}});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(out.err, "ctl: api: environment: changed\n")) << out.all();
  EVENTUALLY(has(api.ask(), " shell\n"));
  // The next keeper has them too.
  kill(box.keeper_pid("api"), SIGKILL);
  EVENTUALLY(box.state("api") == "running");
  EXPECT_EQ(0, box.ctl({"restart", "api", "--wait"}).code);
  EXPECT_TRUE(has(api.ask(), " shell\n"));
}

TEST(Reload, ASpecThatWasEditedAppliesAndTheDifferenceIsSaid) {
  Sandbox box;
  Serving api(box, {"-e", "LEVEL=one", "--stop-timeout", "9s"});
  const auto path = box.home() / "apps/api/spec.json";
  string text = read_text(path);
  const string old = "\"stop_timeout\": \"9s\"";
  ASSERT_TRUE(has(text, old)) << text;
  text.replace(text.find(old), old.size(), "\"stop_timeout\": \"7s\"");
  write_text(path, text);
  Outcome out = reload(box);
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(out.err, "ctl: api: stop_timeout: 9s -> 7s\n")) << out.all();
}

TEST(Reload, AProgramThatHoldsItsPortItselfIsLeftAlone) {
  Sandbox box;
  const string port = std::to_string(free_port());
  box.detach("api", {"python3", "-c",
                     "import socket,time; s=socket.create_server(('127.0.0.1'," + port + ")); print('up'," +
                         "flush=True); time.sleep(1000)"});
  EVENTUALLY(box.logged("api", "up\n"));
  const int pid = box.pid("api");
  Outcome out = reload(box);
  EXPECT_EQ(1, out.code);
  EXPECT_EQ("ctl: cannot reload api: it listens at 127.0.0.1:" + port +
                " itself, so a new run could not beside it; start it with --listen, or a node program with "
                "--cluster (also with -i 1), or use 'ctl restart api'\n",
            out.err);
  EXPECT_EQ(pid, box.pid("api"));
}

TEST(Reload, AProgramThatListensAtNothingIsReloadedToo) {
  Sandbox box;
  box.detach("api", {"sleep", "1000"});
  const int pid = box.pid("api");
  EXPECT_EQ(0, reload(box).code);
  EXPECT_NE(pid, box.pid("api"));
  EVENTUALLY(!alive(pid));
}

TEST(Reload, AStoppedAppIsStarted) {
  Sandbox box;
  Serving api(box);
  EXPECT_EQ(0, box.ctl({"stop", "api"}).code);
  Outcome out = reload(box);
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_EQ("1", api.version());
}

/// Some of these times a run ends between the look at it and the request.
TEST(Reload, IsOfWhicheverRunThereIsByThen) {
  Sandbox box;
  box.detach("short", {"--start-secs", "0", "--backoff", "none", "--no-wait", "sh", "-c", "sleep 0.01"});
  for (int i = 0; i < 40; ++i) {
    const Outcome out = box.ctl({"reload", "short"});
    ASSERT_FALSE(has(out.all(), "is over")) << out.all();
  }
}

TEST(Reload, InstancesOneAfterTheOtherUntilOneIsKept) {
  Sandbox box;
  box.detach("api",
             {"-i", "3", "--start-secs", "100ms", "sh", "-c", "test ! -e broken || exit 3; exec sleep 1000"});
  Outcome out = reload(box);
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_EQ(3, count_of(out.out, "reloaded api")) << out.all();
  out = reload(box, {"--parallel", "3"});
  EXPECT_EQ(3, count_of(out.out, "reloaded api")) << out.all();
  write_text(box.work() / "broken", "");
  const int second = box.pid("api:1");
  out = reload(box);
  EXPECT_EQ(1, out.code) << out.all();
  EXPECT_EQ(1, count_of(out.err, "cannot reload api: kept pid ")) << out.all();
  EXPECT_TRUE(has(out.err, "ctl: cannot reload api:1: api was not, so it is left as it is\n")) << out.all();
  EXPECT_TRUE(has(out.err, "ctl: cannot reload api:2: api was not, so it is left as it is\n")) << out.all();
  EXPECT_EQ(second, box.pid("api:1"));
}

TEST(Reload, WorkersOfAClusterLoseNoRequest) {
  for (const char* count : {"1", "2"}) {
    Sandbox box;
    box.detach("api", {"-i", count, "--cluster", "--ready", "node", "--stop-timeout", "20s",
                       CHILD_SCRIPTS "/serves.js", "0", "ready"});
    const int port = port_of(box, "api");
    Asking one(port), other(port);
    for (int again = 0; again < 2; ++again) {
      const int pid = box.pid("api");
      Outcome out = reload(box);
      EXPECT_EQ(0, out.code) << out.all();
      EXPECT_EQ(std::stoi(count), count_of(out.out, "reloaded api")) << out.all();
      EXPECT_NE(pid, box.pid("api"));
      EVENTUALLY(!alive(pid));
    }
    for (Asking* asking : {&one, &other}) {
      asking->end();
      EXPECT_GT(asking->asked(), 0);
      EXPECT_EQ(0, asking->failed()) << "of " << asking->asked();
    }
  }
}

TEST(Reload, WorkersOfAClusterLoseNoRequestOfAClientThatStays) {
  Sandbox box;
  box.detach("api", {"-i", "2", "--ready", "node", "--stop-timeout", "20s", "-e",
                     "NODE_OPTIONS=--no-warnings", CHILD_SCRIPTS "/serves.js", "0", "ready", "stays"});
  const int port = port_of(box, "api");
  std::list<Asking> clients;
  for (int i = 0; i < 8; ++i)
    clients.emplace_back(port, Asking::Client::stays);
  StayingClient silent(port);
  EXPECT_TRUE(silent.ask());
  for (int again = 0; again < repeats(4); ++again) {
    const int pid = box.pid("api"), other = box.pid("api:1");
    const Outcome out = reload(box);
    EXPECT_EQ(2, count_of(out.out, "reloaded api")) << out.all();
    EVENTUALLY(!alive(pid) && !alive(other));
  }
  for (Asking& client : clients) {
    client.end();
    EXPECT_GT(client.asked(), 0);
    EXPECT_EQ(0, client.failed()) << "of " << client.asked();
  }
}

/// A session is told to end (GOAWAY), and what was begun in it is answered; a stream that came too late is
/// refused, which says that it may be asked for again (RFC 9113, 8.7).
constexpr const char* kAskOverHttp2 = R"js(
const http2 = require('http2');
let asked = 0, failed = 0, sessions = 0, session, done = false;
function open() {
  sessions++;
  session = http2.connect('http://127.0.0.1:' + process.argv[1]);
  session.on('error', (error) => { failed++; console.log(String(error)); });
  session.on('goaway', () => open());
}
function ask() {
  if (done) return finish();
  const request = session.request();
  let text = '', refused = false;
  request.on('error', (error) => {
    refused = request.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM;
    if (!refused) console.log(String(error));
  });
  request.on('data', (data) => { text += data; });
  request.on('close', () => {
    asked++;
    if (text !== 'two' && !refused) failed++;
    setTimeout(ask, 1);
  });
  request.end();
}
function finish() {
  console.log(JSON.stringify({asked, failed, sessions}));
  process.exit(0);
}
open();
ask();
process.on('SIGUSR2', () => { done = true; });
)js";

TEST(Reload, WorkersOfAClusterLoseNoRequestOverHttp2) {
  Sandbox box;
  const auto script = box.work() / "two.js";
  write_text(
      script,
      "require('http2').createServer((q, r) => setTimeout(() => r.end('two'), 5)).listen(0, function () {"
      " console.log('listening ' + JSON.stringify({at: this.address()})); process.send('ready'); })");
  box.detach("api", {"-i", "2", "--ready", "node", "--stop-timeout", "20s", script.string()});
  const int port = port_of(box, "api");
  Background client = box.start({{"node", "-e", kAskOverHttp2, std::to_string(port)}});
  for (int again = 0; again < 3; ++again) {
    const int pid = box.pid("api"), other = box.pid("api:1");
    const Outcome out = reload(box);
    EXPECT_EQ(2, count_of(out.out, "reloaded api")) << out.all();
    EVENTUALLY(!alive(pid) && !alive(other));  // nothing of them stays for a client's sake
  }
  client.signal(SIGUSR2);
  ASSERT_EQ(0, client.wait());
  const auto result = nlohmann::json::parse(lines_of(client.out()).back());
  EXPECT_EQ(0, result.at("failed")) << client.out();
  EXPECT_GT(result.at("asked"), 0);
  EXPECT_GT(result.at("sessions"), 1) << "it was never told";
}

/// The process itself, its threads (one with variables of its own), and its children.
constexpr const char* kSaysOptions = R"(
  const { Worker, SHARE_ENV } = require('worker_threads');
  const say = 'JSON.stringify([process.env.NODE_OPTIONS ?? null, process.execArgv])';
  const thread = (more) => new Promise((done) =>
    new Worker(`require('worker_threads').parentPort.postMessage(${say})`, { eval: true, ...more }).on('message', done));
  const child = () => require('child_process').execFileSync(process.execPath,
    ['-p', 'JSON.stringify(process.env.NODE_OPTIONS ?? null)']).toString().trim();
  (async () => {
    const all = [eval(say), await thread({}), await thread({ env: SHARE_ENV }), eval(say),
      await thread({ env: { ...process.env } })];
    console.log('options ' + [...new Set(all)].join(' or ') + ' child ' + child());
    require('http').createServer().listen(0);
  })();
)";

TEST(Reload, AWorkerSeesNothingOfWhatLetsItLeave) {
  Sandbox box;
  write_text(box.work() / "says.js", kSaysOptions);
  write_text(box.work() / "variables", "NODE_OPTIONS=--no-deprecation\n");
  write_text(box.work() / "for_node", "NODE_OPTIONS=--title=by-node\n");
  struct {
    const char* name;
    Words options;
    const char* options_are;
  } const ways[] = {
      {"bare", {"says.js"}, "null"},
      {"own",
       {"-e", "NODE_OPTIONS=--no-warnings --max-old-space-size=99", "says.js"},
       R"("--no-warnings --max-old-space-size=99")"},
      {"empty", {"-e", "NODE_OPTIONS=", "says.js"}, R"("")"},
      {"quoted", {"-e", "NODE_OPTIONS=--require \"path\"", "says.js"}, R"("--require \"path\"")"},
      {"file", {"--env-file", "variables", "says.js"}, R"("--no-deprecation")"},
  };
  for (const auto& way : ways) {
    Words words = {"--cluster"};
    words.insert(words.end(), way.options.begin(), way.options.end());
    box.detach(way.name, words);
  }
  box.detach("nodes", {"--cluster", "--", "node", "--env-file=for_node", "says.js"});
  Start shell{{program("keeper"), "-d", "-n", "inherited", "--no-wait", "--cluster", "says.js"}};
  shell.environment["NODE_OPTIONS"] = "--no-warnings  --title=\"callers own\"";
  ASSERT_EQ(0, box.run(shell).code);
  EVENTUALLY(box.logged("inherited", "options "));
  const string callers = R"("--no-warnings  --title=\"callers own\"")";
  EXPECT_TRUE(box.logged("inherited", "options [" + callers + ",[]] child " + callers + "\n"))
      << box.log("inherited");
  for (const auto& way : ways) {
    EVENTUALLY(box.logged(way.name, "options "));
    EXPECT_TRUE(
        box.logged(way.name, "options [" + string(way.options_are) + ",[]] child " + way.options_are + "\n"))
        << box.log(way.name);
  }
  EVENTUALLY(box.logged("nodes", R"(options ["--title=by-node",)"));
}

TEST(Reload, AWorkerMayHaveFewPermissions) {
  Sandbox box;
  const string script = (box.work() / "few.js").string();
  write_text(script,
             "console.log('options ' + process.env.NODE_OPTIONS); require('http').createServer().listen(0);");
  const string may = "--allow-fs-read=few.js";
  box.detach("words", {"--cluster", "--", "node", "--experimental-permission", may, script});
  box.detach("variable", {"--cluster", "-e", "NODE_OPTIONS=--experimental-permission " + may, script});
  const auto line = box.work() / "line.js";
  const string words = "#!/usr/bin/env -S node --experimental-permission --allow-fs-read=line.js\n";
  write_text(line, words + read_text(script), 0755);
  box.detach("line", {"--cluster", line.string()});
  EVENTUALLY(box.logged("words", "options undefined"));
  EVENTUALLY(box.logged("line", "options undefined")) << box.log("line");
  EVENTUALLY(box.logged("variable", "options --experimental-permission " + may + "\n"));
}

/// Their connections are gone, and something else keeps them running: the old run of a reload, and the new
/// one that is not wanted any more.
TEST(Reload, WorkersThatLeaveAtTheSameTimeAreEndedEach) {
  Sandbox box;
  const auto script = box.work() / "stays.js";
  write_text(script,
             "const c = require('cluster'); setInterval(() => {}, 1000);"
             "c.worker.on('disconnect', () => console.log('left'));"
             "require('http').createServer().listen(0, () => process.send('ready'));");
  box.detach("api", {"-i", "2", "--ready", "node", "--stop-timeout", "60s", script.string()});
  const int before = box.pid("api:1");
  EXPECT_EQ(0, box.ctl({"reload", "api:1"}).code);
  const int after = box.pid("api:1");
  Background scaling = box.start({{program("ctl"), "scale", "api", "1"}});
  EVENTUALLY(!alive(before) && !alive(after));
  EXPECT_EQ(2, count_of(box.log("api:1"), "left\n"));
  scaling.wait();
}

TEST(Reload, TakesNoLongerThanItMay) {
  Sandbox box;
  Serving api(box);
  api.set_version("2 slow 3");
  Outcome out = reload(box, {"--timeout", "500ms"});
  EXPECT_EQ(5, out.code);
  EXPECT_TRUE(has(out.err, "ctl: cannot reload api: it took too long; it goes on being reloaded\n"))
      << out.all();
  EVENTUALLY(api.version() == "2");
}

TEST(Reload, WhyTellsOfTheRunThatWasNotKept) {
  Sandbox box;
  Serving api(box);
  api.set_version("2 throws");
  EXPECT_EQ(1, reload(box).code);
  Outcome out = box.ctl({"why", "api"});
  EXPECT_TRUE(has(out.out, "the run before it goes on")) << out.all();
}

}  // namespace
}  // namespace keeper
