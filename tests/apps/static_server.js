// static_server.js DIR [CERT KEY]: files of DIR over HTTP, or HTTPS with a certificate, on a free port.
'use strict';
const fs = require('fs');
const path = require('path');

const [dir, cert, key] = process.argv.slice(2);
const answer = (request, response) => {
  const file = path.join(dir, path.basename(decodeURIComponent(request.url.split('?')[0])));
  fs.stat(file, (failure, stat) => {
    if (failure || !stat.isFile()) {
      response.writeHead(404);
      response.end('no such file\n');
      return;
    }
    // One in two without a length, so that chunks are met as well.
    if (stat.size % 2 === 0) response.setHeader('Content-Length', stat.size);
    fs.createReadStream(file).pipe(response);
  });
};
const server = cert
  ? require('https').createServer({cert: fs.readFileSync(cert), key: fs.readFileSync(key)}, answer)
  : require('http').createServer(answer);
server.listen(0, '127.0.0.1', () => {
  console.log(`listening on ${cert ? 'https' : 'http'}://127.0.0.1:${server.address().port}`);
});
