// A node program that talks over its channel: says what it gets on stdout, and does what it is told to.
'use strict';
const fs = require('fs');
const net = require('net');

const say = (text) => fs.writeSync(1, text + '\n');
const raw = (text) => fs.writeSync(process.channel.fd, text);
const deeds = {
  ready: () => process.send('ready'),
  echo: (m) => process.send({ echo: m.what }),
  // What is written directly must not wait behind what node still has to write.
  big: (m) => process.send('x'.repeat(m.size), () => say('sent ' + m.size)),
  half: () => raw('{"half":'),
  rest: () => raw('true}\n'),
  rubbish: () => raw('{"a":}\n\n\xff\xfe\n[1,\n'),
  handle: () => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      process.send('take this', server);
      process.send('after the handle');
    });
  },
  disconnect: () => process.disconnect(),
  last: () => process.send('last words', () => process.exit(0)),
  throws: () => { throw new Error('on purpose'); },
};

process.on('message', (message) => {
  say('got ' + JSON.stringify(message));
  if (message === 'shutdown' && !process.argv.includes('deaf')) process.exit(0);
  if (message && deeds[message.do]) deeds[message.do](message);
});
process.on('disconnect', () => say('disconnected'));
process.on('SIGTERM', () => {
  say('TERM');
  process.exit(0);
});
for (const word of process.argv.slice(2)) if (deeds[word]) deeds[word]({});
say('connected ' + process.connected + ' pid ' + process.pid);
setInterval(() => {}, 1000);
