"""The commands people can give in chat; every surface and every help text is made from this."""

from collections.abc import Sequence

from bots.adapter import CommandSpec
from bots.texts import SOURCE, summary, text

COMMANDS: tuple[CommandSpec, ...] = (
    CommandSpec(
        words="memory show",
        summary="What I keep in mind here, and how full it is",
        options={"topic?": "Only blocks and lines about this"},
        completed=("topic",),
    ),
    CommandSpec(
        words="memory search",
        summary="Search what was said here and what I noted",
        options={"query": "What to look for"},
    ),
    CommandSpec(
        words="memory forget",
        summary="Forget a line, a note or all about a topic, in two steps, with a receipt",
        options={"item": "A line, or words that it holds"},
        completed=("item",),
    ),
    CommandSpec(
        words="memory edit",
        summary="Change what a line or a note says",
        options={"item": "The line, or words that it holds", "text?": "What it says from now on"},
        completed=("item",),
        form="text",
    ),
    CommandSpec(
        words="memory pin",
        summary="Keep a line: neither I nor the memory agent will drop or change it",
        options={"item": "The line, or words that it holds"},
        completed=("item",),
    ),
    CommandSpec(
        words="memory unpin",
        summary="Let a pinned line be changed again",
        options={"item": "The line, or words that it holds"},
        completed=("item",),
    ),
    CommandSpec(
        words="memory undo",
        summary="Take back the last change that is yours; once more: the one before",
        options={"id?": "Of another change, as the history names it"},
        completed=("id",),
    ),
    CommandSpec(
        words="memory history",
        summary="Who wrote what, when",
        options={"topic?": "Only changes about this"},
    ),
    CommandSpec(
        words="memory restore",
        summary="What I had in mind at a time, and a second step that brings it back",
        options={"time": "Such as 2026-05-03 or 2026-05-03 14:00"},
    ),
    CommandSpec(
        words="memory card",
        summary="A short text about you that I know in every room here; without a text: what it is",
        options={"text?": "What rooms may know of you; `none` removes the card"},
        form="text",
    ),
    CommandSpec(words="memory export", summary="A copy of what I remember, as a file"),
    CommandSpec(
        words="memory forget-me",
        summary="Erase everything about you, in two steps, with a receipt",
    ),
    CommandSpec(
        words="receipt",
        summary="What my last answer to you used and wrote, with a way to take it back",
        options={"turn?": "Of another answer, by its id"},
    ),
    CommandSpec(
        words="write undo",
        summary="Take back one write of an answer",
        options={"write": "As the receipt names it"},
    ),
    CommandSpec(
        words="write forget",
        summary="Forget one write of an answer and the message it came from, in two steps",
        options={"write": "As the receipt names it"},
    ),
    CommandSpec(
        words="write not-true",
        summary="Withdraw one write of an answer, so that I do not learn it again",
        options={"write": "As the receipt names it"},
    ),
    CommandSpec(
        words="pressure pin",
        summary="Keep the gist of what is about to be summarised",
        options={"through?": "The last message of it, as the button under the line has it"},
    ),
    CommandSpec(
        words="pressure let-go", summary="Let it be summarised", options={"through?": "The same"}
    ),
    CommandSpec(words="memory pause", summary="Learn nothing about me until I say so"),
    CommandSpec(words="memory resume", summary="Learn from what I say again"),
    CommandSpec(
        words="memory ignore-me",
        summary="Don't remember me: what I say is gone when it is answered, in every room",
    ),
    CommandSpec(
        words="memory off-the-record",
        summary="Keep nothing of this conversation, from now on",
    ),
    CommandSpec(
        words="memory on-the-record",
        summary="Erase what was said off the record, and remember again",
    ),
    CommandSpec(
        words="memory link",
        summary="One memory for your direct messages on two platforms, by a one-time code",
        options={
            "code?": "The code you got on the other platform",
            "keep?": "Whose memory both go on with: here, or there",
        },
    ),
    CommandSpec(
        words="memory unlink",
        summary="Share no memory with your other identity any more",
        options={"start?": "What the one that leaves goes on with: copy, empty, or before"},
    ),
    CommandSpec(
        words="memory remember",
        summary="Keep a text as a note",
        options={"text": "What to keep"},
        menu="Remember this",
    ),
    CommandSpec(
        words="memory forget-message",
        summary="Forget a message and everything I made of it, in two steps",
        options={"message": "Its key, such as slack:T1/C2/1700000000.000001"},
        menu="Forget this",
    ),
    CommandSpec(words="new", summary="A fresh conversation; memory is kept"),
    CommandSpec(words="retry", summary="Answer your last message again if that failed"),
    CommandSpec(words="stop", summary="Stop the answer that is being worked on"),
    CommandSpec(
        words="approve",
        summary="Let a tool run that waits for your yes; without an id: what waits",
        options={"id?": "As the request names it"},
        completed=("id",),
    ),
    CommandSpec(
        words="deny",
        summary="Refuse a tool that waits for your yes",
        options={"id": "As the request names it"},
        completed=("id",),
    ),
    CommandSpec(
        words="status",
        summary="Model, context gauge, memory pressure, queue, budget left",
    ),
    CommandSpec(words="help", summary="This list"),
    CommandSpec(
        words="agent reset",
        summary="Wipe the memory of this room's agent, or of a person's",
        options={
            "target": "room, or user",
            "person?": "With user: whose, by mention, id or key such as slack:T1/U2",
            "sure?": "yes: answers the second question",
        },
        completed=("target",),
        admin=True,
    ),
    CommandSpec(
        words="agent allow",
        summary="Let a person or role in, or have me speak and learn in a channel",
        options={
            "kind": "user, role or channel",
            "who?": "By mention, id or key; of channels this one when left out",
        },
        completed=("kind",),
        admin=True,
    ),
    CommandSpec(
        words="agent deny",
        summary="Shut a person or role out, or keep me silent in a channel",
        options={
            "kind": "user, role (everyone: all of them) or channel",
            "who?": "By mention, id or key; of channels this one when left out",
        },
        completed=("kind",),
        admin=True,
    ),
    CommandSpec(
        words="agent budget",
        summary="What may be used here, and another limit for it",
        options={
            "payer?": "person, room or tenant (all of the server or workspace)",
            "limit?": "requests_per_minute or tokens_per_day",
            "amount?": "A number, or off",
        },
        completed=("payer", "limit"),
        admin=True,
    ),
    CommandSpec(
        words="agent retention",
        summary="How long what is said is kept, or another time for it",
        options={"days?": "A number, or off for ever"},
        admin=True,
    ),
    CommandSpec(
        words="agent usage",
        summary="Tokens used and what they cost",
        options={"days?": "How many days back; 30 when left out"},
        admin=True,
    ),
    CommandSpec(
        words="agent audit",
        summary="Who did what to which memory, newest first",
        options={"limit?": "How many lines; 20 when left out"},
        admin=True,
    ),
    CommandSpec(words="agent backup", summary="A verified copy of the database", admin=True),
    CommandSpec(
        words="agent doctor", summary="What is wrong in the set-up, and the fix", admin=True
    ),
    CommandSpec(
        words="agent mode",
        summary="When I answer in this channel",
        options={
            "mode?": "mention, thread, listen, or off",
            "bots?": "mentions: other bots may speak to me; off: they are ignored",
            "learning?": "off: I answer and note nothing; on: I remember what is said to me",
        },
        completed=("mode", "bots", "learning"),
        admin=True,
    ),
    CommandSpec(
        words="agent map",
        summary="Who shares a memory in this channel; no memory is ever merged",
        options={
            "mapping?": "team, per-user-in-channel, or single",
            "outsiders?": "learn: I also learn from guests; answer: I only answer them",
        },
        completed=("mapping", "outsiders"),
        admin=True,
    ),
    CommandSpec(
        words="agent persona",
        summary="Who I am in this channel",
        options={"text?": "The name of a configured persona, or a text of your own"},
        completed=("text",),
        form="text",
        admin=True,
    ),
    CommandSpec(
        words="agent block",
        summary="Something I always keep in sight in this channel; without a text it goes",
        options={"label": "The block's name", "text?": "What it says"},
        completed=("label",),
        form="text",
        admin=True,
    ),
    CommandSpec(words="agent export", summary="The archive of this place's agent", admin=True),
    CommandSpec(
        words="agent import",
        summary="Read an archive into this place's empty agent; a dry run first",
        admin=True,
        takes_file=True,
    ),
)


def usage(spec: CommandSpec) -> str:
    """A command with its options, e.g. ``memory show [topic]``."""
    options = [f"[{name[:-1]}]" if name.endswith("?") else f"<{name}>" for name in spec.options]
    return " ".join([spec.words, *options])


def help_text(
    table: Sequence[CommandSpec] = COMMANDS,
    *,
    admin: bool,
    locale: str = SOURCE,
    sign: str = "/",
) -> str:
    """The list of commands a person may use, as Markdown."""

    def rows(*, of_admins: bool) -> list[str]:
        return [
            f"- `{sign}{usage(spec)}`: {summary(locale, spec)}"
            for spec in table
            if spec.admin == of_admins
        ]

    lines = [text(locale, "help.heading"), *rows(of_admins=False)]
    if admin:
        lines += ["", text(locale, "help.admins"), *rows(of_admins=True)]
    return "\n".join(lines)
