'use strict';
// keeper has a worker load this before its program, so that it can leave without breaking off a request.
const quiet = 1000;  // ms: who sends nothing for so long has no request on its way

if (!require('worker_threads').isMainThread) return; // a thread has what is left when this has run

// Before everything else: the variable is what it was, set or not.
const ours = /^--require "(?:[^"\\]|\\.)*"( ?)/.exec(process.env.NODE_OPTIONS || '');
if (ours && ours[1]) process.env.NODE_OPTIONS = process.env.NODE_OPTIONS.slice(ours[0].length);
else if (ours) delete process.env.NODE_OPTIONS;

const sessions = new Set(); // of HTTP/2; no other server has that event
const servers = new Set(); // of HTTP/1, which close who is idle
const { prototype: server } = require('net').Server;
const { listen } = server;
server.listen = function (...words) {
  this.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  if (this.closeIdleConnections) {
    servers.add(this);
    this.once('close', () => servers.delete(this));
  }
  return listen.apply(this, words);
};

let leaves = false;
function leave() {
  if (leaves) return;
  leaves = true;
  for (const session of sessions) session.close(); // GOAWAY, once what was begun is answered
  const { prototype: response } = require('http').ServerResponse;
  const store = response._storeHeader;
  response._storeHeader = function (...words) {
    this.shouldKeepAlive = false;
    return store.apply(this, words);
  };
  for (const one of servers) {
    const { close, closeIdleConnections } = one;
    one.closeIdleConnections = () => {};
    one.close = function (...words) {
      const silent = setInterval(() => closeIdleConnections.call(this), quiet);
      this.once('close', () => clearInterval(silent));
      return close.apply(this, words);
    };
  }
}

// Before node's own listener, which closes the servers.
process.prependListener('internalMessage', (message) => {
  if (message && message.cmd === 'NODE_CLUSTER' && message.act === 'disconnect') leave();
});

// Of its own accord: what it listens at is closed by it, and kept for the next run.
const { worker } = require('cluster');
if (worker) {
  const { disconnect } = worker;
  worker.disconnect = function () {
    if (process.connected) process.send({ cmd: 'NODE_CLUSTER', act: 'leaves', seq: 0 });
    leave();
    return disconnect.call(this);
  };
}
