"""A file that comes with an answer."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFile:
    """A file that comes with a reply, or with a command's answer.

    Attributes:
        name: With its ending, without a folder.
    """

    name: str
    content: bytes = field(repr=False)

    @property
    def text(self) -> str | None:
        """What stands in it; None when it is no text."""
        try:
            return self.content.decode()
        except UnicodeDecodeError:
            return None
