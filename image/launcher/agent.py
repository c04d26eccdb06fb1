"""The host's side of the guest agent's line; userland/bin/agent/protocol.h names the frames."""

import contextlib
import struct

HEADER = struct.Struct("<cI")
STDIN_WINDOW = 2048
MAX_ARGUMENT_BYTES = 65536

HELLO, STDOUT, STDERR, CREDIT, STATUS = b"H", b"O", b"E", b"C", b"S"
EXEC, STDIN, RESIZE, POWEROFF = b"X", b"I", b"W", b"Q"
HELLO_FRAME = HEADER.pack(HELLO, len(b"quoin agent 1")) + b"quoin agent 1"
ORDERLY, AT_ONCE = b"o", b"n"
U32 = struct.Struct("<I")


class Line:
    """Frames over a socket that QEMU connects to the guest's second serial port.

    Firmware and kernel may say something there first: all before the first greeting is dropped."""

    def __init__(self, sock):
        self.sock = sock
        self.greeted = False
        self.buffer = b""

    def fileno(self):
        return self.sock.fileno()

    def send(self, kind, payload=b""):
        """If the other side is gone, receive says so."""
        with contextlib.suppress(BrokenPipeError):
            self.sock.sendall(HEADER.pack(kind, len(payload)) + payload)

    def receive(self):
        """The frames that have arrived, or None when the other side is gone."""
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            return None
        self.buffer += data
        return list(self._frames())

    def _frames(self):
        if not self.greeted:
            at = self.buffer.find(HELLO_FRAME)
            if at < 0:
                self.buffer = self.buffer[-len(HELLO_FRAME):]
                return
            self.greeted = True
            self.buffer = self.buffer[at:]
        while len(self.buffer) >= HEADER.size:
            kind, length = HEADER.unpack_from(self.buffer)
            if len(self.buffer) < HEADER.size + length:
                return
            payload = self.buffer[HEADER.size:HEADER.size + length]
            self.buffer = self.buffer[HEADER.size + length:]
            yield kind, payload
