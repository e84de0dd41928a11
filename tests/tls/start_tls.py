"""A mail client, or server, that starts TLS: start_tls.py client|asyncio PORT CA, or server CERT KEY."""

import asyncio
import socket
import ssl
import sys


def expect(lines, words):
    line = lines.readline().decode().rstrip("\r\n")
    if line != words:
        sys.exit("%r is not %r" % (line, words))


def plain_part(lines, send):
    expect(lines, "220 ready")
    send(b"EHLO python\r\n")
    expect(lines, "250-here")
    expect(lines, "250 STARTTLS")
    send(b"STARTTLS\r\n")
    expect(lines, "220 go ahead")


def client(port, ca):
    context = ssl.create_default_context(cafile=ca)
    plain = socket.create_connection(("127.0.0.1", port))
    plain_part(plain.makefile("rb", buffering=0), plain.sendall)
    secure = context.wrap_socket(plain, server_hostname="a.example")
    secure.sendall(b"EHLO again\r\n")
    expect(secure.makefile("rb"), "250 over TLS")
    secure.unwrap()


async def asyncio_client(port, ca):
    async def line(words):
        got = (await reader.readline()).decode().rstrip("\r\n")
        if got != words:
            sys.exit("%r is not %r" % (got, words))

    context = ssl.create_default_context(cafile=ca)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await line("220 ready")
    writer.write(b"EHLO asyncio\r\n")
    await line("250-here")
    await line("250 STARTTLS")
    writer.write(b"STARTTLS\r\n")
    await line("220 go ahead")
    await writer.start_tls(context, server_hostname="a.example")
    writer.write(b"EHLO again\r\n")
    await line("250 over TLS")
    writer.close()
    await writer.wait_closed()


def server(cert, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    listener = socket.create_server(("127.0.0.1", 0))
    print("ACCEPT 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    plain, _ = listener.accept()
    lines = plain.makefile("rb", buffering=0)
    plain.sendall(b"220 ready\r\n")
    expect(lines, "EHLO us")
    plain.sendall(b"250-here\r\n250 STARTTLS\r\n")
    expect(lines, "STARTTLS")
    plain.sendall(b"220 go ahead\r\n")
    secure = context.wrap_socket(plain, server_side=True)
    lines = secure.makefile("rb")
    expect(lines, "EHLO again")
    secure.sendall(b"250 over TLS\r\n")
    if lines.readline():
        sys.exit("no end")
    secure.unwrap()


if sys.argv[1] == "client":
    client(int(sys.argv[2]), sys.argv[3])
elif sys.argv[1] == "asyncio":
    if not hasattr(asyncio.StreamWriter, "start_tls"):  # before Python 3.11
        client(int(sys.argv[2]), sys.argv[3])
    else:
        asyncio.run(asyncio_client(int(sys.argv[2]), sys.argv[3]))
else:
    server(sys.argv[2], sys.argv[3])
