#include "keeper/app/parts.hpp"

namespace keeper {

Parts::Parts(App& app, Events& events, const std::vector<Part*>& more)
    : list{&configuration, &listen, &runs,  &readiness, &cluster, &channels,   &signaller,
           &ends,          &files,  &guard, &journal,   &spawner, &app_log,    &log,
           &terminal,      &record, &risk,  &status,    &waiters, &subscribers},
      store(app, risk, list),
      runs(app, list),
      status(app, runs, list),
      subscribers(app, runs, status),
      log(app.machine, app.recorder, runs.survivors()),
      terminal(app.stem(), app.machine, runs.survivors()),
      waiters(app.stem(), status, app.machine, app.recorder, runs.survivors()),
      risk(app, store, journal, log, subscribers),
      journal(app, events, store, risk, log, list),
      record(app.io, {app.home, app.table.stem, app.name_lost, app.spec, app.user, app.machine, app.recorder,
                      status, log, terminal}),
      app_log(app, {store, journal, files, readiness, terminal, subscribers}),
      files(app, {store, journal, configuration, control, listen, spawner, record, log, terminal}),
      configuration(app, events, {store, files, listen, readiness, spawner, waiters, log}),
      listen(app, events, store, runs, spawner, log),
      cluster(app, store, journal, runs, listen, subscribers),
      channels(app, {store, journal, runs, spawner, readiness, cluster, signaller, subscribers}),
      readiness(app, events, store, runs, spawner, ends, record),
      program(app, events, log, terminal),
      spawner(app, events,
              {runs, list, journal, ends, readiness, channels, configuration, record, program, status}),
      signaller(app, events, runs, channels, log),
      ends(app, events, runs, journal, readiness, signaller, guard),
      requests(app, events,
               {files, app_log, cluster, configuration, guard, log, record, runs, signaller, spawner, status,
                subscribers, waiters}),
      control(app, requests),
      guard(app, events, {store, journal, risk, ends, control, log, terminal}) {
  list.insert(list.end(), more.begin(), more.end());
}

}  // namespace keeper
