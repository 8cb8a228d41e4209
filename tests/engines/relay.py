"""relay.py HERE THERE: passes every connection to the socket HERE on to the socket THERE, until it is killed."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading


def main(here: str, there: str) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(here)
        listening.listen()
        while True:
            near, _ = listening.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(there)
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main(*sys.argv[1:])
