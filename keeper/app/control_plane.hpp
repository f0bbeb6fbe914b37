// ControlPlane: the sockets on which clients ask: the stream socket, and the datagram socket of lists.
#pragma once
#include <memory>

#include "keeper/app/app.hpp"
#include "keeper/control/ask_socket.hpp"
#include "keeper/control/server.hpp"

namespace keeper {

class ControlPlane {
 public:
  ControlPlane(App& app, Service& service) : app_(app), service_(service) {}

  /// Accepts clients on that socket.
  void open(Fd socket) { server_ = std::make_unique<Server>(app_.io, std::move(socket), service_); }
  /// Accepts clients on another socket from now on.
  void listen_at(Fd socket) { server_->listen_at(std::move(socket)); }
  /// Binds the datagram socket: only under the lock, as all that is bound, and not if the name is another's.
  /// If that fails, clients use the stream socket.
  void open_datagrams(int lock);
  void close();

 private:
  App& app_;
  Service& service_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<AskSocket> datagrams_;  ///< null: it could not be bound
};

/// Whether a start needs all the descriptors that this process may have.
bool has_few_descriptors();

}  // namespace keeper
