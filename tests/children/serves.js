// A server as anybody writes one, that does not know that it is a worker of a cluster: serves.js WHERE [WORD...]
// WHERE is a port, HOST:PORT, or a path; udp:PORT is a datagram socket.
'use strict';
const cluster = require('cluster');
const dgram = require('dgram');
const http = require('http');

const [where, ...words] = process.argv.slice(2);
const who = (at) => JSON.stringify({
  pid: process.pid, worker: cluster.isWorker, id: cluster.isWorker ? cluster.worker.id : null,
  instance: process.env.NODE_APP_INSTANCE, at,
});

function serveDatagrams(port) {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (message, from) => socket.send(who(socket.address()), from.port, from.address));
  socket.on('error', (error) => console.log(`error ${error.code} ${error.syscall}`));
  socket.bind(port, '127.0.0.1', () => console.log('listening ' + who(socket.address())));
}

function serve() {
  const server = http.createServer((request, response) => {
    if (!words.includes('stays')) response.setHeader('Connection', 'close');
    const wait = request.url.startsWith('/slow') ? 1000 : 0;
    if (request.url === '/exit') process.exit(1);
    setTimeout(() => response.end(who(server.address())), wait);
  });
  server.on('error', (error) => {
    console.log(`error ${error.code} ${error.syscall}`);
    if (words.includes('throws')) throw error;
  });
  const options = { exclusive: words.includes('exclusive'), backlog: 100 };
  const colon = where.lastIndexOf(':');
  if (where.includes('/')) options.path = where;
  else if (colon > 0) [options.host, options.port] = [where.slice(0, colon), +where.slice(colon + 1)];
  else options.port = +where;
  if (words.includes('v6only')) options.ipv6Only = true;
  server.listen(options, () => {
    console.log('listening ' + who(server.address()));
    if (words.includes('ready')) process.send('ready');
  });
}

if (where.startsWith('udp:')) serveDatagrams(+where.slice(4));
else serve();
process.on('message', (message) => console.log('got ' + JSON.stringify(message)));
