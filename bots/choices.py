"""The buttons under a command's answer, each small enough for a platform."""

import json

from bots.adapter import Choice, CommandAnswer, CommandRequest, CommandRunner

_MOST_CHOICES = 20  # beside the two of a second step; Discord and Slack take 25


async def choices_of(
    runner: CommandRunner, request: CommandRequest, answer: CommandAnswer, most_chars: int
) -> list[Choice]:
    """What the asker can press, the second step last; what is too long for a button is kept.

    Args:
        runner: Keeps it.
        request: What was answered.
        answer: Where the choices are.
        most_chars: That a command and its arguments may have as JSON.
    """
    choices = list(answer.choices[:_MOST_CHOICES])
    if answer.confirm:
        again = Choice(
            label=answer.confirm,
            command=request.command,
            arguments=request.arguments,
            confirmed=True,
            danger=True,
        )
        choices.append(again)
    return [
        choice if len(compact(choice)) <= most_chars else await runner.keep(request, choice)
        for choice in choices
    ]


def compact(choice: Choice) -> str:
    """What it gives, as JSON."""
    return json.dumps([choice.command, dict(choice.arguments)], separators=(",", ":"))
