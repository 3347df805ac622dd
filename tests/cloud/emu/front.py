"""The door of a PostgreSQL instance with IAM database authentication: it takes tokens for passwords.

    client ──TLS──► front ──TLS──► server
              │ user has the role rds_iam: the token is judged, and the front shows the server a certificate
              │ any other user: bytes go through as they are, and the server asks for the password

Without IAM authentication an instance has no front, and its endpoint is the server itself. There is none for MySQL and
MariaDB.
"""

import asyncio
import ssl
import struct
import threading

SSL, GSS, CANCEL, VERSION = 80877103, 80877104, 80877102, 196608

_loop = None
_starting = threading.Lock()


def loop():
    """One event loop for all fronts."""
    global _loop
    with _starting:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="fronts", daemon=True).start()
    return _loop


class Front:
    def __init__(self, port, database, judge):
        """Listens on that port for the server of the database. `judge(user, token)` says why not, or nothing."""
        self.port, self.database, self.judge = port, database, judge
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*database.servers.certificate)
        self.server = asyncio.run_coroutine_threadsafe(self.listen(), loop()).result(10)

    async def listen(self):
        return await asyncio.start_server(self.serve, "127.0.0.1", self.port)

    def close(self):
        loop().call_soon_threadsafe(self.server.close)

    async def serve(self, reader, writer):
        behind = None
        try:
            startup, secure = await self.open(reader, writer)
            if startup is None:
                return
            user = parameters(startup).get("user", "")
            certificate = None
            if await asyncio.to_thread(self.by_token, user):
                why = await self.ask(reader, writer, user) if secure else "a token is only taken over TLS"
                if why:
                    writer.write(failure(f'PAM authentication failed for user "{user}"', why))
                    await writer.drain()
                    return
                certificate = self.database.servers.authority.client(user)
            behind = await self.connect(certificate)
            behind[1].write(startup)
            await asyncio.gather(pump(reader, behind[1]), pump(behind[0], writer))
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError, ConnectionError):
            pass
        finally:
            for one in (writer, behind and behind[1]):
                if one:
                    one.close()

    async def open(self, reader, writer):
        """The client's startup message, and whether it came over TLS."""
        secure = False
        while True:
            head = await reader.readexactly(8)
            length, code = struct.unpack("!II", head)
            if code == SSL and not secure:
                writer.write(b"S")
                await writer.start_tls(self.context)
                secure = True
            elif code == GSS:
                writer.write(b"N")
                await writer.drain()
            elif code == CANCEL:
                rest = await reader.readexactly(length - 8)
                _, behind = await asyncio.open_connection("127.0.0.1", self.database.port)
                behind.write(head + rest)
                await behind.drain()
                behind.close()
                return None, secure
            else:
                return head + await reader.readexactly(length - 8), secure

    async def ask(self, reader, writer, user):
        """Asks for the token, and says what is wrong with it."""
        writer.write(struct.pack("!cII", b"R", 8, 3))
        await writer.drain()
        kind, length = struct.unpack("!cI", await reader.readexactly(5))
        if kind != b"p" or length > 65536:
            return "no token was sent"
        token = (await reader.readexactly(length - 4)).rstrip(b"\0").decode(errors="replace")
        return await asyncio.to_thread(self.judge, user, token)

    async def connect(self, certificate):
        # Where it comes from tells the server what to ask for.
        source = ("127.0.0.2" if certificate else "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.database.port, local_addr=source)
        writer.write(struct.pack("!II", 8, SSL))
        if await reader.readexactly(1) != b"S":
            raise ConnectionError("the server has no TLS")
        # It is on the loopback, and the client has its own look at the front's certificate.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(*certificate)
        await writer.start_tls(context)
        return reader, writer

    def by_token(self, user):
        """Whether the server knows that user as one of IAM."""
        quoted = "'" + user.replace("'", "''") + "'"
        try:
            found = self.database.admin(
                f"select 1 from pg_roles where rolname = {quoted} and not rolsuper "
                "and pg_has_role(oid, 'rds_iam', 'usage');")
        except RuntimeError:
            return False
        return found.strip() == "1"


async def pump(reader, writer):
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


def parameters(startup):
    part = startup[8:].split(b"\0")
    return {key.decode(): value.decode() for key, value in zip(part[::2], part[1::2]) if key}


def failure(message, detail):
    fields = b"SFATAL\0VFATAL\0C28000\0M" + message.encode() + b"\0D" + detail.encode() + b"\0\0"
    return b"E" + struct.pack("!I", len(fields) + 4) + fields
