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
    return [await short(runner, request, choice, most_chars) for choice in choices]


async def short(
    runner: CommandRunner, request: CommandRequest, choice: Choice, most_chars: int
) -> Choice:
    """The choice, or in its place one that stands for it where it is kept."""
    given = json.dumps([choice.command, dict(choice.arguments)], separators=(",", ":"))
    return choice if len(given) <= most_chars else await runner.keep(request, choice)
