// Parts: all parts of a keeper, and who is given whom. The list is the order in which they are asked: what
// changes facts comes before what tells of them.
#pragma once
#include <vector>

#include "keeper/app/app_files.hpp"
#include "keeper/app/app_log.hpp"
#include "keeper/app/cluster_sockets.hpp"
#include "keeper/app/configuration.hpp"
#include "keeper/app/control_plane.hpp"
#include "keeper/app/end_watcher.hpp"
#include "keeper/app/fd_store.hpp"
#include "keeper/app/guard_session.hpp"
#include "keeper/app/lifecycle_log.hpp"
#include "keeper/app/listen_sockets.hpp"
#include "keeper/app/node_channels.hpp"
#include "keeper/app/program_watch.hpp"
#include "keeper/app/readiness_tracker.hpp"
#include "keeper/app/record_writer.hpp"
#include "keeper/app/requests.hpp"
#include "keeper/app/risk.hpp"
#include "keeper/app/runs.hpp"
#include "keeper/app/signaller.hpp"
#include "keeper/app/spawner.hpp"
#include "keeper/app/state_journal.hpp"
#include "keeper/app/status_builder.hpp"
#include "keeper/app/subscribers.hpp"
#include "keeper/app/terminal.hpp"
#include "keeper/app/waiters.hpp"

namespace keeper {

struct Parts {
  /// `more`: parts that a test adds, which are asked last.
  Parts(App& app, Events& events, const std::vector<Part*>& more = {});

  std::vector<Part*> list;

  FdStore store;
  Runs runs;
  StatusBuilder status;
  Subscribers subscribers;
  LifecycleLog log;
  Terminal terminal;
  Waiters waiters;
  Risk risk;
  StateJournal journal;
  RecordWriter record;
  AppLog app_log;
  AppFiles files;
  Configuration configuration;
  ListenSockets listen;
  ClusterSockets cluster;
  NodeChannels channels;
  ReadinessTracker readiness;
  ProgramWatch program;
  Spawner spawner;
  Signaller signaller;
  EndWatcher ends;
  Requests requests;
  ControlPlane control;
  GuardSession guard;
};

}  // namespace keeper
