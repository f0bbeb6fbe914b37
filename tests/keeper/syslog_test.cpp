// Lines on their way to syslog, over UDP: the local socket is the machine's own.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/keeper/support/sandbox.hpp"

namespace keeper {
namespace {

using std::string;

class Collector {
 public:
  Collector() : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof own;
    EXPECT_EQ(0, bind(socket_.get(), reinterpret_cast<sockaddr*>(&own), size));
    getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&own), &size);
    port_ = ntohs(own.sin_port);
  }
  string target() const { return "udp:127.0.0.1:" + std::to_string(port_); }
  /// All that came so far, a message a line.
  const string& all() {
    char text[8192];
    for (ssize_t got; (got = recv(socket_.get(), text, sizeof text, 0)) >= 0;)
      all_ += string(text, static_cast<std::size_t>(got)) + "\n";
    return all_;
  }

 private:
  Fd socket_;
  int port_ = 0;
  string all_;
};

TEST(Syslog, GetsEveryLineBesideTheLog) {
  Sandbox box;
  Collector collector;
  box.keeper({"-n", "job", "--restart", "never", "--log-syslog", collector.target(), "--error-log", "apart",
              "sh", "-c", "echo one; echo two >&2; printf half"});
  EVENTUALLY(has(collector.all(), "ended with code 0"));
  EXPECT_TRUE(has(collector.all(), " - - one\n")) << collector.all();
  EXPECT_TRUE(has(collector.all(), "<11>1 ") && has(collector.all(), " - - two\n")) << collector.all();
  EXPECT_TRUE(has(collector.all(), " - - half\n")) << collector.all();
  EXPECT_TRUE(has(collector.all(), "<13>1 ") && has(collector.all(), " - - [keeper] started pid "));
  EXPECT_TRUE(has(box.log("job"), "one\n") && has(box.log("job"), "half\n")) << box.log("job");
}

TEST(Syslog, GetsLinesThatNoFileHas) {
  Sandbox box;
  Collector collector;
  box.keeper({"-n", "job", "--restart", "never", "--log-syslog", collector.target(), "--log", "none",
              "--log-join", "^[a-z]", "sh", "-c", "echo one; echo '  two'; echo three"});
  EVENTUALLY(has(collector.all(), "ended with code 0"));
  EXPECT_TRUE(has(collector.all(), " - - one\n  two\n")) << collector.all();
  EXPECT_TRUE(has(collector.all(), " - - three\n")) << collector.all();
  EXPECT_FALSE(std::filesystem::exists(box.log_path("job")));
}

TEST(Syslog, ThatIsNotThereHarmsNobody) {
  Sandbox box;
  string target = Collector().target();  // it is gone by then
  box.detach("job", {"--log-syslog", target, child("floods"), "100000", "wait"});
  EVENTUALLY(has(box.log("job"), "line 100000\n"));
  EVENTUALLY(box.status("job")->syslog && box.status("job")->syslog->dropped > 1000);
  auto status = box.status("job");
  EXPECT_EQ(State::running, status->state);
  EXPECT_EQ(target, status->syslog->target);
  EXPECT_EQ("cannot send to " + target + ": Connection refused", status->syslog->trouble);
  EXPECT_TRUE(has(box.ctl({"show", "job"}).out, "messages were dropped; cannot send to"));
}

TEST(Syslog, ThatNeverReadsHarmsNobody) {
  Sandbox box;
  Collector collector;
  box.detach("job", {"--log-syslog", collector.target(), child("floods"), "100000", "wait"});
  EVENTUALLY(has(box.log("job"), "line 100000\n"));
  EXPECT_EQ(State::running, box.status("job")->state);
}

TEST(Syslog, OfAHostThatIsNotFoundAnyMoreGoesOnToTheAddressOfBeforeAndThatIsSaid) {
  Sandbox box;
  box.detach("job", {"--log-syslog", "udp:localhost:514", "sleep", "1000"});
  ASSERT_EQ(0, box.ctl({"stop", "job"}).code);
  Spec spec = *box.open_home().read_spec("job");
  ASSERT_FALSE(spec.log_syslog_addresses.empty());
  spec.log_syslog->host = "no-such-host.invalid";
  ASSERT_TRUE(box.open_home().write_spec("job", spec));
  const Outcome out = box.ctl({"start", "job"});
  EXPECT_EQ(0, out.code) << out.all();
  EXPECT_TRUE(has(out.err, "keeper: job: --log-syslog: there is no host 'no-such-host.invalid'"))
      << out.all();
  EXPECT_TRUE(has(out.err, "; it goes on to " + spec.log_syslog_addresses)) << out.all();
}

TEST(Syslog, OfAHostThatIsNotThereIsAnErrorAtOnce) {
  Sandbox box;
  Outcome out = box.keeper({"-n", "job", "--log-syslog", "udp:no-such-host.invalid:514", "true"});
  EXPECT_EQ(2, out.code);
  EXPECT_TRUE(has(out.err, "keeper: cannot start: --log-syslog: there is no host 'no-such-host.invalid'"))
      << out.err;
}

}  // namespace
}  // namespace keeper
