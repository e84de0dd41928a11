"""A server that answers as asked by the path, well and badly, for tests of clients.

odd_server.py: listens on a free port of 127.0.0.1 and says so. /count tells how often each other
path was asked.
  /delay/MS/TEXT      TEXT after so many milliseconds
  /big/MS/N           N bytes after so many milliseconds
  /flaky/N/...        503 N times, then 200 (each path counts for itself)
  /later/...          429 with Retry-After: 1 once, then 200
  /gone/N/...         closes without a byte N times, then 200
  /short/...          Content-Length: 1000, 500 bytes, end of the connection
  /short-once/...     the same once, then whole
  /cut/...            a chunked body without its end
  /hang/...           never answers
  /stall/...          half a body, then nothing
  /trickle/...        a byte each 100 ms, 20 of them
  /not-http           answers in another language
  /status/N/...       that status
"""
import collections
import http.server
import json
import threading
import time

asked = collections.Counter()
lock = threading.Lock()
over = threading.Event()


class Odd(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *words):
        pass

    def whole(self, body, status=200, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def half(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 500)
        self.wfile.flush()
        self.close_connection = True

    def do_GET(self):
        if self.path == "/count":
            with lock:
                return self.whole(json.dumps(asked).encode())
        with lock:
            asked[self.path] += 1
            turn = asked[self.path]
        words = self.path.split("/")[1:]
        getattr(self, "answer_" + words[0].replace("-", "_"), self.answer_none)(turn, words[1:])

    do_POST = do_GET

    def answer_none(self, turn, words):
        self.whole(b"no such page", 404)

    def answer_delay(self, turn, words):
        time.sleep(int(words[0]) / 1000)
        self.whole(words[1].encode())

    def answer_big(self, turn, words):
        time.sleep(int(words[0]) / 1000)
        self.whole(words[1][-1].encode() * int(words[1]))

    def answer_flaky(self, turn, words):
        self.whole(b"worked at last", 503 if turn <= int(words[0]) else 200)

    def answer_later(self, turn, words):
        if turn == 1:
            return self.whole(b"", 429, Retry_After="1")
        self.whole(b"it is later")

    def answer_gone(self, turn, words):
        if turn <= int(words[0]):
            self.close_connection = True
        else:
            self.whole(b"here again")

    def answer_short(self, turn, words):
        self.half()

    def answer_short_once(self, turn, words):
        if turn == 1:
            self.half()
        else:
            self.whole(b"y" * 1000)

    def answer_cut(self, turn, words):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"4\r\nhalf\r\n")
        self.close_connection = True

    def answer_hang(self, turn, words):
        over.wait(60)
        self.close_connection = True

    def answer_stall(self, turn, words):
        self.half()
        over.wait(60)

    def answer_trickle(self, turn, words):
        self.send_response(200)
        self.send_header("Content-Length", "20")
        self.end_headers()
        for _ in range(20):
            self.wfile.write(b"z")
            self.wfile.flush()
            time.sleep(0.1)

    def answer_not_http(self, turn, words):
        self.wfile.write(b"220 mail.example.org ESMTP\r\n")
        self.close_connection = True

    def answer_status(self, turn, words):
        self.whole(b"so be it", int(words[0]))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, address):
        pass


server = Server(("127.0.0.1", 0), Odd)
print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
server.serve_forever()
