"""What a person can choose under a message: each choice is a command that a button gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A button that gives a command; rights are checked when it is pressed.

    Under a command's answer it is for the asker and for nobody else, under a reply for whoever is
    there.

    Attributes:
        label: At most 75 characters are shown.
        command: Its words.
        arguments: As in a request; under a reply best ids, which fit into the button itself.
        confirmed: Whether pressing it is the second step already.
        danger: Whether it cannot be taken back.
    """

    label: str
    command: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    confirmed: bool = False
    danger: bool = False
