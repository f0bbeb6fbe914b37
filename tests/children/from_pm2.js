// A server written for pm2, as they stand in many a company: says when it is ready, obeys 'shutdown', ends itself at
// what it did not expect and when its heap has grown.
'use strict';
const held = [];
const words = process.argv.slice(2);

process.on('uncaughtException', (error) => {
  console.error('uncaught: ' + error.message);
  process.exit(1);
});
process.on('message', (message) => {
  if (message !== 'shutdown') return;
  console.log('closing');
  setTimeout(() => {
    console.log('closed');
    process.exit(0);
  }, words.includes('slow') ? 60000 : 50);
});
setInterval(() => {
  if (process.memoryUsage().heapUsed < 60 * 1024 * 1024) return;
  console.log('heap too large');
  process.exit(1);
}, 20);

if (words.includes('throws')) setTimeout(() => { throw new Error('on purpose'); }, 300);
if (words.includes('grows')) setInterval(() => held.push(new Array(100000).fill(held.length)), 5);
if (!words.includes('mute')) setTimeout(() => process.send('ready'), 200);
console.log('pid ' + process.pid + ' instance ' + process.env.NODE_APP_INSTANCE);
