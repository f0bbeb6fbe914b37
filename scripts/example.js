// A small HTTP server to try keeper with: scripts/run scripts/example.js
//   /               hello, with pid and uptime
//   /crash          dies of an uncaught exception
//   /exit?code=3    exits with that code
//   /log?line=...   writes a line to stdout
// It listens on $PORT (default 8080; 0 takes a free one) and ends at SIGTERM.
'use strict';
const http = require('http');

const port = process.env.PORT || 8080;
const routes = {
  '/': () => `hello from ${process.pid}, up for ${process.uptime().toFixed(1)} s\n`,
  '/crash': (query, after) => {
    after(() => { throw new Error('somebody asked for /crash'); });
    return 'crashing\n';
  },
  '/exit': (query, after) => {
    const code = Number(query.get('code') ?? 0) & 255;
    after(() => process.exit(code));
    return `exiting with ${code}\n`;
  },
  '/log': (query) => {
    console.log(query.get('line') ?? '');
    return 'logged\n';
  },
};

const server = http.createServer((request, response) => {
  console.log(`${request.method} ${request.url}`);
  const [path, query] = request.url.split('?', 2);
  const route = routes[path];
  let after = () => {};
  const text = route ? route(new URLSearchParams(query), (what) => { after = what; }) : 'no such page\n';
  response.writeHead(route ? 200 : 404, { 'Content-Type': 'text/plain' });
  response.end(text, () => after());  // the answer is out before the process is gone
});

server.on('error', (error) => {
  const why = error.code === 'EADDRINUSE' ? 'the port is in use; PORT=0 takes a free one' : error.message;
  console.error(`example: cannot listen on port ${port}: ${why}`);
  process.exit(1);
});
server.listen({ port }, () => console.log(`example: http://localhost:${server.address().port}/ (pid ${process.pid})`));

process.on('SIGTERM', () => {
  console.log('example: SIGTERM, closing');
  server.close(() => process.exit(0));
  server.closeIdleConnections?.();  // browsers keep theirs open
});
