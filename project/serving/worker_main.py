"""A worker's own side: `python -m project.serving.worker_main OPTIONS LISTENER TETHER`, the last two open already."""

import socket
import sys

from project.serving.configuration import configuration
from project.serving.options import Options
from project.serving.server import Server
from project.serving.tether import Tether
from project.wrong_settings import WrongSettings


def main(options: str, listener: str, tether: str) -> None:
    held = Tether(socket.socket(fileno=int(tether)))
    held.hold()
    server = Server(configuration(Options.from_json(options)), held.say_ready)
    try:
        server.run([socket.socket(fileno=int(listener))])
    except WrongSettings as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
