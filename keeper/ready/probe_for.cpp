#include "keeper/ready/probe_for.hpp"

#include "keeper/ready/http_probe.hpp"
#include "keeper/ready/tcp_probe.hpp"

namespace keeper {

std::unique_ptr<Probe> probe_for(asio::io_context& io, const ReadyCondition& c, const Probing& with,
                                 std::function<void()> on_success) {
  using Kind = ReadyCondition::Kind;
  switch (c.kind) {
    case Kind::tcp: return tcp_probe(io, c.host, c.port, std::move(on_success), with.stranger);
    case Kind::http: return http_probe(io, c.host, c.port, c.argument, std::move(on_success), with.stranger);
    case Kind::cmd: return cmd_probe(io, c.argument, with.commands, with.limit, std::move(on_success));
    case Kind::secs:
    case Kind::notify:
    case Kind::node:
    case Kind::fd:
    case Kind::log: break;
  }
  return nullptr;
}

}  // namespace keeper
