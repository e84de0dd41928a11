#!/usr/bin/env python3
"""What HTTP costs: proa beside the floor, nginx and libcurl, in one run.

    http.py BUILD_DIR [--pairs N] [--seconds S] [--json FILE] [--only NAME,...]

Each comparison runs its two sides in turn, A B A B ..., and reports the median of the ratios of the pairs with
their quartiles. The server is pinned to one processor, the load to another. CPU is what the kernel counted for the
process (user and system); sleeping costs nothing.
"""
import argparse
import json
import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Connection": "keep-alive",
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Mode": "navigate",
}  # with Host: eight


def quartiles(values):
    values = sorted(values)
    if len(values) < 3:
        return values[0], statistics.median(values), values[-1]
    q = statistics.quantiles(values, n=4, method="inclusive")
    return q[0], q[1], q[2]


def pin(cpu):
    return lambda: os.sched_setaffinity(0, {cpu % (os.cpu_count() or 1)})


def cpu_ns(pid):
    """Nanoseconds that all threads of a process have run."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[0])
    return total


def pss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    raise OSError("no Pss")


def page_tables(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmPTE:"))


def tcp_kernel_bytes():
    """What the kernel's slabs hold: sockets, their files, and what belongs to them."""
    with open("/proc/meminfo") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("Slab:"))


class Server:
    """A server process that prints 'listening on URL', or nginx."""

    def __init__(self, command, url=None, cpu=0, prefix=()):
        self.process = subprocess.Popen([*prefix, *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        preexec_fn=pin(cpu), text=True)
        self.url = url or self.process.stdout.readline().split()[-1]
        self.pid = self.process.pid
        host, port = self.url.split("//")[1].strip("/").split(":")
        self.address = (host, int(port))
        for _ in range(200):
            try:
                socket.create_connection(self.address, 1).close()
                break
            except OSError:
                time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def nginx_server(folder, cpu=0, prefix=()):
    port = free_port()
    conf = os.path.join(folder, "nginx.conf")
    with open(conf, "w") as f:
        f.write(f"""daemon off; master_process off; 
pid {folder}/nginx.pid; error_log /dev/null;
events {{ worker_connections 12000; }}
http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 75;
client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
uwsgi_temp_path {folder}; scgi_temp_path {folder};
server {{ listen 127.0.0.1:{port} backlog=4096; default_type text/plain;
location / {{ return 200 "Hello, World!"; }} }} }}
""")
    return Server(["nginx", "-p", folder, "-c", conf], url=f"http://127.0.0.1:{port}", cpu=cpu, prefix=prefix)


def raw_request(server):
    lines = [f"GET / HTTP/1.1", f"Host: {server.address[0]}:{server.address[1]}"]
    lines += [f"{k}: {v}" for k, v in HEADERS.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_response(sock):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            raise OSError("closed")
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(re.search(rb"(?i)content-length: *(\d+)", head).group(1))
    while len(body) < length:
        piece = sock.recv(65536)
        if not piece:
            raise OSError("closed")
        body += piece
        data += piece
    return data


class Bench:
    def __init__(self, args, folder):
        self.args = args
        self.folder = folder
        self.build = args.build
        self.results = {}
        self.have_nginx = shutil.which("nginx") is not None
        self.have_wrk = shutil.which("wrk") is not None

    def program(self, name):
        return os.path.join(self.build, "tests/bench", name)

    def real_program(self, name):
        """The program itself and not libtool's wrapper script, for tools that follow one process."""
        path = os.path.join(self.build, "tests/bench/.libs", name)
        return path if os.path.exists(path) else self.program(name)

    def server(self, kind, cpu=0, prefix=()):
        if kind == "nginx":
            return nginx_server(tempfile.mkdtemp(dir=self.folder), cpu, prefix)
        if kind == "floor":
            return Server([self.real_program("floor"), self.response_file()], cpu=cpu, prefix=prefix)
        return Server([self.real_program("plain")], cpu=cpu, prefix=prefix)

    def response_file(self):
        path = os.path.join(self.folder, "response")
        if not os.path.exists(path):
            with Server([self.real_program("plain")]) as server, socket.create_connection(server.address) as sock:
                sock.sendall(raw_request(server))
                with open(path, "wb") as f:
                    f.write(read_response(sock))
        return path

    def load(self, server, connections=64, seconds=None, cpu=1):
        """Requests that were answered."""
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds or self.args.seconds}s"]
        for name, value in HEADERS.items():
            command += ["-H", f"{name}: {value}"]
        out = subprocess.run([*command, server.url + "/"], stdout=subprocess.PIPE, text=True, preexec_fn=pin(cpu),
                             check=True).stdout
        if "Non-2xx" in out or "Socket errors" in out:
            raise OSError(out)
        return int(re.search(r"(\d+) requests in", out).group(1))

    # ---- facts

    def record(self, name, **fact):
        self.results[name] = fact
        target = fact.get("target")
        reached = "" if target is None else ("  reached" if fact["median"] <= target else "  NOT reached")
        line = f"{name:34} {fact['median']:>10.3f} {fact['unit']:<24}"
        if "q1" in fact:
            line += f" [{fact['q1']:.3f} .. {fact['q3']:.3f}]"
        if target is not None:
            line += f"  asked <= {target}{reached}"
        print(line, flush=True)

    def server_cpu(self, kinds):
        """CPU microseconds a request, one sample of each kind."""
        sample = {}
        for kind in kinds:
            with self.server(kind) as server:
                self.load(server, seconds=1)
                before = cpu_ns(server.pid)
                requests = self.load(server)
                sample[kind] = (cpu_ns(server.pid) - before) / 1000 / requests
        return sample

    def cpu(self):
        kinds = ["proa", "floor"] + (["nginx"] if self.have_nginx else [])
        samples = [self.server_cpu(kinds) for _ in range(self.args.pairs)]
        for kind in kinds:
            q1, median, q3 = quartiles([s[kind] for s in samples])
            self.record(f"server_cpu_{kind}", unit="us/request", median=median, q1=q1, q3=q3)
        for kind, target in (("floor", 1.25), ("nginx", 1.0)):
            if kind in kinds:
                q1, median, q3 = quartiles([s["proa"] / s[kind] for s in samples])
                self.record(f"server_cpu_ratio_{kind}", unit=f"x {kind}", median=median, q1=q1, q3=q3, target=target)

    def syscalls(self):
        if not shutil.which("strace"):
            return
        for kind in ["proa", "floor"] + (["nginx"] if self.have_nginx else []):
            out = os.path.join(self.folder, f"strace.{kind}")
            with self.server(kind) as server:
                tracer = subprocess.Popen(["strace", "-c", "-f", "-o", out, "-p", str(server.pid)],
                                          stderr=subprocess.DEVNULL)
                time.sleep(0.5)
                requests = self.load(server, seconds=2)
                tracer.send_signal(signal.SIGINT)
                tracer.wait()
            calls = {}
            with open(out) as f:
                for line in f:
                    parts = line.split()
                    if len(parts) >= 5 and parts[3].isdigit() and parts[-1] != "total":
                        calls[parts[-1]] = int(parts[3]) / requests
            total = sum(calls.values())
            shown = {name: round(n, 3) for name, n in sorted(calls.items(), key=lambda c: -c[1]) if n >= 0.005}
            self.record(f"syscalls_{kind}", unit="calls/request", median=total, calls=shown)
            print("    " + ", ".join(f"{name} {n}" for name, n in shown.items()))

    def instructions(self):
        if not shutil.which("valgrind"):
            return
        for kind in ["proa"] + (["nginx"] if self.have_nginx else []):
            counts = []
            for requests in (1000, 3000):
                out = os.path.join(self.folder, f"callgrind.{kind}.{requests}")
                prefix = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
                with self.server(kind, prefix=prefix) as server:
                    sockets = [socket.create_connection(server.address) for _ in range(64)]
                    request = raw_request(server)
                    for i in range(0, requests, 50):
                        batch = [sockets[k % 64] for k in range(i, i + 50)]
                        for sock in batch:
                            sock.sendall(request)
                        for sock in batch:
                            read_response(sock)
                    for sock in sockets:
                        sock.close()
                with open(out) as f:
                    text = f.read()
                counts.append(int(re.search(r"^(?:summary|totals): (\d+)", text, re.M).group(1)))
            self.record(f"instructions_{kind}", unit="instructions/request", median=(counts[1] - counts[0]) / 2000,
                        **({"target": 9000} if kind == "proa" else {}))

    def idle(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard < 10100:
            print(f"ulimit -Hn is {hard}: bytes per connection need 10,100 descriptors")
            return
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        for kind in ["proa"] + (["nginx"] if self.have_nginx else []):
            with self.server(kind) as server:
                request = raw_request(server)
                sockets = []

                def grow(n):
                    while len(sockets) < n:
                        sock = socket.create_connection(server.address)
                        sock.sendall(request)
                        read_response(sock)
                        sockets.append(sock)
                    time.sleep(2)
                    return pss(server.pid)

                few, few_tables, few_kernel = grow(1000), page_tables(server.pid), tcp_kernel_bytes()
                many, many_tables, many_kernel = grow(10000), page_tables(server.pid), tcp_kernel_bytes()
                for sock in sockets:
                    sock.close()
            self.record(f"idle_connection_{kind}", unit="bytes", median=(many - few) / 9000,
                        **({"target": 800} if kind == "proa" else {}))
            self.record(f"idle_page_tables_{kind}", unit="bytes", median=(many_tables - few_tables) / 9000)
            self.record(f"idle_kernel_sockets_{kind}", unit="bytes, both ends",
                        median=(many_kernel - few_kernel) / 9000)

    def client_once(self, name, server, requests):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        out = subprocess.run([self.real_program(name), server.url + "/", str(requests), "64"],
                             stdout=subprocess.PIPE, text=True, preexec_fn=pin(1), check=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if int(out) != requests:
            raise OSError(f"{name}: {out} of {requests} answered")
        spent = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
        return spent * 1e6 / requests

    def client(self):
        if not os.path.exists(self.program("client_curl")):
            print("client_curl was not built (libcurl's headers are missing): no comparison of clients")
            return
        kind = "nginx" if self.have_nginx else "proa"
        with self.server(kind) as server:
            pairs = [(self.client_once("client_proa", server, 60000), self.client_once("client_curl", server, 60000))
                     for _ in range(self.args.pairs)]
        for i, name in enumerate(("proa", "curl")):
            q1, median, q3 = quartiles([pair[i] for pair in pairs])
            self.record(f"client_cpu_{name}", unit="us/request", median=median, q1=q1, q3=q3)
        q1, median, q3 = quartiles([a / b for a, b in pairs])
        self.record("client_cpu_ratio_curl", unit="x libcurl multi", median=median, q1=q1, q3=q3, target=0.7)


def versions():
    found = {}
    for name, command in (("nginx", ["nginx", "-v"]), ("wrk", ["wrk", "-v"]), ("curl", ["curl", "--version"]),
                          ("kernel", ["uname", "-r"])):
        if shutil.which(command[0]):
            out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
            found[name] = out.splitlines()[0][:60] if out else ""
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--json")
    parser.add_argument("--only", default="syscalls,instructions,idle,cpu,client")
    args = parser.parse_args()
    os.environ["LD_LIBRARY_PATH"] = os.path.abspath(os.path.join(args.build, "lib/.libs"))
    folder = tempfile.mkdtemp(prefix="proa-bench-")
    try:
        bench = Bench(args, folder)
        found = versions()
        print("; ".join(f"{k}: {v}" for k, v in found.items()))
        if not bench.have_wrk:
            print("wrk is not installed: no comparison under load")
        for name in args.only.split(","):
            if bench.have_wrk or name not in ("cpu", "syscalls"):
                getattr(bench, name)()
        if args.json:
            with open(args.json, "w") as f:
                json.dump({"versions": found, "pairs": args.pairs, "http": bench.results}, f, indent=2)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
