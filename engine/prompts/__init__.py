"""All prompt text, one file a prompt."""

from functools import cache
from importlib.resources import files


@cache
def load_prompt(name: str) -> str:
    """The text of ``engine/prompts/<name>.md``, without the line break at its end."""
    return files(__package__).joinpath(f"{name}.md").read_text(encoding="utf-8").strip()
