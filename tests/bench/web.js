// An HTTP server that says to whoever keeps it that it is ready, and knows no more of that: listens at $PORT or, with
// $LISTEN_FD, on what it inherited.
// With $CLUSTER it is the primary of so many workers of itself, as node's own documentation does it. With $STARTS it
// starts so many, one after the other, and says how many milliseconds each took until it was ready.
const cluster = require('node:cluster');
const http = require('node:http');

function timeStarts(left) {
  if (left === 0) return;
  const began = performance.now();
  const worker = cluster.fork();
  worker.on('message', () => {
    console.log(performance.now() - began);
    worker.kill();
  });
  worker.on('exit', () => timeStarts(left - 1));
}

if (process.env.STARTS && cluster.isPrimary) {
  timeStarts(+process.env.STARTS);
} else if (process.env.CLUSTER && cluster.isPrimary) {
  for (let i = 0; i < +process.env.CLUSTER; ++i) cluster.fork();
} else {
  const where = process.env.LISTEN_FD ? { fd: +process.env.LISTEN_FD } : { port: +process.env.PORT, host: '127.0.0.1' };
  http.createServer((request, response) => response.end('hello\n')).listen(where, () => {
    if (process.send) process.send('ready');
  });
}
