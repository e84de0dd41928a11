"""Clients of other makes against proa-httpbin: http.client, and something like a browser.

clients.py HTTP-URL HTTPS-URL CA-FILE: prints what failed and a summary like Check's.
"""
import http.client
import json
import socket
import ssl
import sys
import threading
from urllib.parse import urlsplit

cases = failures = 0
lock = threading.Lock()
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "DNT": "1",
    "Connection": "keep-alive",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "none",
    "Priority": "u=0, i",
}


def same(name, wanted, got):
    global cases, failures
    with lock:
        cases += 1
        if wanted != got:
            failures += 1
            print(f"FAIL: {name}\n      wanted: {wanted!r:.300}\n      got:    {got!r:.300}")


class Site:
    def __init__(self, url, cafile):
        self.url = url
        self.host, self.port = urlsplit(url).hostname, urlsplit(url).port
        self.tls = ssl.create_default_context(cafile=cafile) if url.startswith("https") else None

    def client(self):
        if self.tls:
            return http.client.HTTPSConnection(self.host, self.port, timeout=30, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=30)

    def raw(self):
        sock = socket.create_connection((self.host, self.port), timeout=30)
        return self.tls.wrap_socket(sock, server_hostname=self.host) if self.tls else sock


def ask(client, method, path, body=None, headers={}, **more):
    client.request(method, path, body, headers, **more)
    response = client.getresponse()
    return response, response.read()


def one_connection(site):
    """Many requests of all kinds, all on the same connection."""
    client = site.client()
    client.connect()
    first = client.sock
    for turn in range(5):
        response, body = ask(client, "GET", f"/get?turn={turn}", headers={"X-Turn": str(turn)})
        same("http.client: GET", (200, str(turn)), (response.status, json.loads(body)["args"]["turn"]))
        data = bytes(range(256)) * 50 * turn
        response, body = ask(client, "POST", "/echo", data)
        same("http.client: POST", (200, data), (response.status, body))
        response, body = ask(client, "POST", "/echo", iter([b"one ", b"two ", b"three"]), encode_chunked=True)
        same("http.client: POST in chunks", (200, b"one two three"), (response.status, body))
        response, body = ask(client, "HEAD", "/bytes/5000")
        same("http.client: HEAD", (200, "5000", b""), (response.status, response.headers["Content-Length"], body))
        response, body = ask(client, "GET", "/stream/100")
        same("http.client: chunks", 100, len(body.splitlines()))
        response, body = ask(client, "PUT", "/status/204", b"x" * 1000)
        same("http.client: 204", (204, b""), (response.status, body))
        response, body = ask(client, "GET", "/nowhere")
        same("http.client: 404", 404, response.status)
    same("http.client: all on one connection", True, client.sock is first)
    client.close()


def browser(site):
    """Ten kept-alive connections at once, each asking as a browser does, with pauses of its own."""
    opened = []
    barrier = threading.Barrier(10)

    def tab(number):
        client = site.client()
        client.connect()
        sock = client.sock
        barrier.wait(30)
        for turn in range(15):
            size = 1000 * (number + 1) + turn
            response, body = ask(client, "GET", f"/bytes/{size}", headers=BROWSER)
            same("browser: a page", (200, size), (response.status, len(body)))
            response, body = ask(client, "GET", "/gzip", headers=BROWSER)
            same("browser: gzip", (200, "gzip"), (response.status, response.headers["Content-Encoding"]))
            response, body = ask(client, "GET", f"/get?tab={number}", headers=BROWSER)
            same("browser: its own answer", str(number), json.loads(body)["args"]["tab"])
            if turn == 7:
                barrier.wait(30)
        with lock:
            opened.append(client.sock is sock)
        client.close()

    tabs = [threading.Thread(target=tab, args=(i,)) for i in range(10)]
    for t in tabs:
        t.start()
    for t in tabs:
        t.join()
    same("browser: ten connections, all kept to the end", [True] * 10, opened)


def read_all(sock):
    pieces = []
    while True:
        try:
            piece = sock.recv(65536)
        except (ConnectionResetError, ssl.SSLError, TimeoutError) as failure:
            pieces.append(f"({failure})".encode())
            break
        if not piece:
            break
        pieces.append(piece)
    sock.close()
    return b"".join(pieces)


def exchange(site, data, one_by_one=False):
    sock = site.raw()
    for piece in [data[i : i + 1] for i in range(len(data))] if one_by_one else [data]:
        try:
            sock.sendall(piece)
        except OSError:
            break
    return read_all(sock)


def raw(site):
    """What only raw bytes can show: pipelining, slow clients, bad requests, limits of the head."""
    asked = b"".join(b"GET /bytes/%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(1, 21))
    answer = exchange(site, asked + b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    lengths = [int(line[16:]) for line in answer.split(b"\r\n") if line.startswith(b"Content-Length: ")]
    same("pipelined requests are answered in order", list(range(1, 21)), lengths[:20])
    same("and the last one closes", True, answer.endswith(b"</dl>\n"))
    answer = exchange(site, b"GET /bytes/7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", one_by_one=True)
    same("a request may come byte by byte", (b"200", 7), (answer[9:12], len(answer.split(b"\r\n\r\n", 1)[1])))

    def status(head, body=b""):
        answer = exchange(site, head + b"\r\n\r\n" + body)
        same("and it closes", True, b"\r\nConnection: close\r\n" in answer and not b"timed out)" in answer)
        return answer[9:12]

    host = b"\r\nHost: a\r\nConnection: close"
    same("no Host", b"400", status(b"GET / HTTP/1.1"))
    same("two Hosts", b"400", status(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b"))
    same("two framings", b"400", status(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                                        b"Transfer-Encoding: chunked", b"0\r\n\r\n"))
    same("two lengths", b"400", status(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4"))
    same("a space before the colon", b"400", status(b"GET / HTTP/1.1\r\nHost : a"))
    same("a folded field", b"400", status(b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b"))
    same("another version", b"505", status(b"GET / HTTP/3.0\r\nHost: a"))
    same("no version", b"400", status(b"GET /"))
    same("a coding nobody knows", b"501", status(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: zip"))
    for length, wanted in ((8192, b"404"), (8193, b"414")):
        line = b"GET /".ljust(length - 9, b"a") + b" HTTP/1.1"
        same(f"a first line of {length} bytes", wanted, status(line + host))
    fields = b"".join(b"\r\nX-%d: y" % i for i in range(126))
    same("128 fields", b"200", status(b"GET / HTTP/1.1" + host + fields))
    same("129 fields", b"431", status(b"GET / HTTP/1.1" + host + fields + b"\r\nZ: y"))
    for length, wanted in ((8192, b"200"), (8193, b"431")):
        same(f"a field of {length} bytes", wanted, status(b"GET / HTTP/1.1" + host + b"\r\n" + b"X: ".ljust(length, b"y")))


def main():
    for url in sys.argv[1:3]:
        site = Site(url, sys.argv[3])
        for part in (one_connection, browser, raw):
            try:
                part(site)
            except Exception as failure:
                same(f"{part.__name__} {url}", None, failure)
    print(f"{100 * (cases - failures) // cases}%: Checks: {cases}, Failures: {failures}, Errors: 0")
    sys.exit(failures > 0)


main()
