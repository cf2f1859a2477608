"""uvicorn with a protocol by its name, for which its command line has no word."""

import sys

import uvicorn


def main(application: str, port: str, http: str) -> None:
    uvicorn.run(
        application,
        port=int(port),
        http=http,
        loop="uvloop",
        lifespan="on",
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        log_level="warning",
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
