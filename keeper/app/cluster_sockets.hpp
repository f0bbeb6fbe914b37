// ClusterSockets: workers of node's cluster module. Each has its own keeper, and there is no master: a
// listening socket is opened once for all of an app, by the keeper whose worker asks first, and its siblings
// get it from that one. A sibling is a keeper of another instance of the same app.
#pragma once
#include <asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keeper/app/app.hpp"
#include "keeper/app/part.hpp"
#include "keeper/control/service.hpp"
#include "keeper/node/cluster.hpp"
#include "keeper/node/server_socket.hpp"
#include "keeper/node/sibling_query.hpp"

namespace keeper {

class FdStore;
class ListenSockets;
class Runs;
class StateJournal;
class Subscribers;

class ClusterSockets : public Part {
 public:
  ClusterSockets(App& app, FdStore& store, StateJournal& journal, Runs& runs, ListenSockets& listen,
                 Subscribers& subscribers)
      : app_(app),
        store_(store),
        journal_(journal),
        runs_(runs),
        listen_(listen),
        subscribers_(subscribers),
        ask_again_(app.io) {}

  /// Handles a message of a worker.
  Told on_worker(RunId id, std::string_view line);
  /// Answers a sibling that asks for a socket.
  void share(const ShareSocket& request, const Answer& answer);
  /// Removes the files of sockets, if this is the last keeper of the app.
  void unlink();

  void announced(const action::Announce& a) override;
  void describe(Status& status) override;
  void save(KeptState& state) const override;
  void restore(const KeptState& state) override;
  void add_descriptors(std::vector<HeldFd>& out) const override;

 private:
  struct ServedSocket {
    KeptSocket kept;
    Fd fd;
  };
  struct Lookup {
    int error = 0;       ///< errno: it cannot be opened
    bool again = false;  ///< it is not known yet
  };
  /// While the siblings are asked for a socket: it is this keeper's turn to look for one.
  struct SiblingSearch {
    std::string key;
    Fd turn;
    std::vector<std::unique_ptr<SiblingQuery>> asked{};
    int open = 0;  ///< so many have not answered
    bool all_answered = true;
    bool no_room = false;  ///< a sibling has given the socket, and the state page has no room for it
    bool over = false;
  };
  /// A socket that was closed, whose file is removed if no sibling has it.
  struct Parting {
    KeptSocket kept;
    std::vector<std::unique_ptr<SiblingQuery>> asked{};
    int open = 0;  ///< so many have not answered
    bool shared = false;
  };
  /// A port whose socket was closed. The guard may hold that for a moment yet.
  struct ClosedPort {
    BoundPort bound;
    Millis at;
  };

  Told answer_query(Run& run, const WorkerMessage& query);
  Told refuse_query(Run& run, const WorkerMessage& query, int error);
  ServedSocket* find_socket(const std::string& key);
  bool is_cut_off(const KeptSocket& one) const;
  void close_socket(const Run& run, const std::string& key);
  Lookup find_or_open(const WorkerMessage& query);
  Fd lock_lookup() const;
  bool ask_siblings(const std::string& key, std::vector<std::unique_ptr<SiblingQuery>>& asked,
                    const SiblingQuery::OnDone& told);
  bool begin_search(const std::string& key);
  void sibling_answered(std::optional<SharedSocket> shared, Fd socket);
  void end_search();
  void replay_queries();
  void replay_later();
  ServerSocket passed_socket(const SocketWish& wish) const;
  Lookup open_socket(const WorkerMessage& query, const SocketWish& wish);
  bool keep_socket(KeptSocket kept, Fd fd);
  void drop_unused();
  void take_from(RunId failed);
  void drop(const std::function<bool(const KeptSocket&)>& unwanted);
  void note_closed(int fd);
  bool closed_just_now(const SocketWish& wish) const;
  void part_with(const KeptSocket& kept);
  void end_parting(const Parting& parting);

  App& app_;
  FdStore& store_;
  StateJournal& journal_;
  Runs& runs_;
  ListenSockets& listen_;
  Subscribers& subscribers_;
  std::vector<ServedSocket> sockets_;
  asio::steady_timer ask_again_;
  std::optional<Millis> asked_since_;      ///< since when a socket is looked for; nothing: none is
  std::unique_ptr<SiblingSearch> search_;  ///< null: none
  std::list<Parting> partings_;
  std::vector<ClosedPort> closed_;  ///< the latest ones
};

}  // namespace keeper
