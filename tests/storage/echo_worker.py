"""A stand-in for the embedding worker: answers at once, and dies or dawdles when a text says so.

A vector is the length of its text and the number of the process. Its model's name says how it
starts: "broken" tells of a problem, "mute" ends without a word.
"""

import json
import os
import struct
import sys
import time

SIZES = struct.Struct(">II")


def write(header: dict, body: bytes = b"") -> None:
    encoded = json.dumps(header).encode()
    sys.stdout.buffer.write(SIZES.pack(len(encoded), len(body)) + encoded + body)
    sys.stdout.buffer.flush()


def answer(texts: list[str]) -> None:
    if "die" in texts:
        os._exit(3)
    if "slow" in texts:
        time.sleep(0.3)
    body = b"".join(struct.pack("<ff", len(text), os.getpid()) for text in texts)
    write({"shape": [len(texts), 2], "environment": sorted(os.environ)}, body)


def main() -> None:
    if sys.argv[1] == "mute":
        return
    if sys.argv[1] == "broken":
        write({"problem": "The weights are gone."})
        return
    write({"ready": True})
    while head := sys.stdin.buffer.read(SIZES.size):
        size, _ = SIZES.unpack(head)
        answer(json.loads(sys.stdin.buffer.read(size))["texts"])


if __name__ == "__main__":
    main()
