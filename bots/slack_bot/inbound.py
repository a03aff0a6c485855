"""Events in: decide, enrich, hand over. An event counts as received once the inbox has it."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bots.adapter import Inbox
from bots.places import Places
from bots.routing import Reception, place_of, principal_key
from bots.slack_bot.activity import Activity
from bots.slack_bot.commands import Commands
from bots.slack_bot.directory import Directory
from bots.slack_bot.events import SlackChange, SlackMessage, as_if_new, read_change, read_message
from bots.slack_bot.identity import Identity
from bots.slack_bot.render import people_in, readable, without_mention
from bots.slack_bot.threads import Threads
from engine.records import IncomingEvent, Quote


class Inbound:
    """Turns Slack's message events into the engine's."""

    def __init__(
        self,
        inbox: Inbox,
        directory: Directory,
        threads: Threads,
        activity: Activity,
        commands: Commands,
        places: Places,
    ) -> None:
        self._inbox = inbox
        self._directory = directory
        self._threads = threads
        self._activity = activity
        self._commands = commands
        self._places = places

    async def receive(self, body: Mapping[str, Any], me: Identity) -> None:
        """Take one event; it may be acknowledged when this returns, and must not when it raises."""
        if change := read_change(body, me):
            await self._follow(change, me)
            if me.user in people_in(change.text or "") and me.user not in people_in(change.before):
                await self.receive(as_if_new(body), me)  # the first mention: a turn
            return
        message = read_message(body, me)
        if message is None:
            return
        text = without_mention(message.text, me.user)
        reception = await self._reception(message, text, me)
        match self._places.hearing(message.origin, reception):
            case "answer" if not self._commands.take_words(message, text):
                if not message.direct:
                    await self._threads.join(message.team, message.channel, message.root)
                await self._hand_over(await self._event(message, text, me), message)
            case "overhear":
                event = await self._event(message, text, me)
                await self._inbox.submit(replace(event, kind="overheard"))

    async def _follow(self, change: SlackChange, me: Identity) -> None:
        if change.text is None:
            await self._inbox.delete(change.tenant, [change.source_key])
            return
        text = without_mention(change.text, me.user)
        names = await self._directory.names(people_in(text))
        await self._inbox.edit(change.tenant, change.source_key, readable(text, names))

    async def _reception(self, message: SlackMessage, text: str, me: Identity) -> Reception:
        mentions_bot = me.user in people_in(message.text)
        has_content = bool(text or message.attachments)
        sure = message.direct or mentions_bot or not has_content
        in_thread = message.thread_ts is not None and not sure
        parent_is_bot = message.parent_user == me.user
        return Reception(
            from_bot=message.from_bot,
            has_content=has_content,
            direct=message.direct,
            mentions_bot=mentions_bot,
            replies_to_bot=parent_is_bot,
            engaged_thread=in_thread and not parent_is_bot and await self._engaged(message, me),
        )

    async def _engaged(self, message: SlackMessage, me: Identity) -> bool:
        return await self._threads.joined(message.channel, message.root, me)

    async def _event(self, message: SlackMessage, text: str, me: Identity) -> IncomingEvent:
        people = people_in(text)
        names, place_name = await asyncio.gather(
            self._directory.names([message.user, *people]), self._place_name(message)
        )
        origin = await self._directory.located(message.origin, self._places)
        if not message.direct and self._places.rules_for(origin).mode == "thread":
            origin = replace(origin, thread=message.root)
        scope = self._places.scope_of(origin)
        answered_in = replace(origin, thread=message.address.thread_ts)
        event = IncomingEvent(
            event_id=message.event_id,
            source_key=message.source_key,
            scope=scope,
            place=place_of(self._places.scope_of(answered_in)),
            place_name=place_name,
            address=message.address.to_json(),
            speaker_name=names[message.user],
            text=readable(text, names),
            sent_at=message.sent_at,
            mentions=tuple(principal_key("slack", message.team, user) for user in people),
            attachments=message.attachments,
            timezone=await self._directory.timezone(message.user),
            quote=await self._quote(message, me),
        )
        outsider = message.outside or await self._directory.is_guest(message.user)
        return self._places.arrived(event, message.origin, outsider=outsider)

    async def _quote(self, message: SlackMessage, me: Identity) -> Quote | None:
        """What a thread hangs on, and what the bot has answered to it, with its first message.

        The conversation of a thread begins with it: a question in the channel is not in it.
        """
        if message.direct or message.thread_ts is None:
            return None
        root, answers = await self._threads.begun_by(message.channel, message.thread_ts, me)
        if root is None:
            return None
        said, user = without_mention(str(root.get("text") or ""), me.user), str(root["user"])
        names = await self._directory.names([user, *people_in(said)])
        answered = [f"(your answer:) {answer}" for answer in answers]
        text = "\n\n".join([readable(said, names), *answered])
        return Quote(author_name=names[user], text=text)

    async def _place_name(self, message: SlackMessage) -> str:
        if message.direct:
            return "direct message"
        if message.kind == "mpim":
            return "group message"
        return await self._directory.room_name(message.channel)

    async def _hand_over(self, event: IncomingEvent, message: SlackMessage) -> None:
        acceptance = await self._inbox.submit(event)
        if message.direct and message.thread_ts and await self._is_new(message, message.thread_ts):
            self._activity.name(message.address, event.text)
        if acceptance.outcome == "queued" and acceptance.turn_id:
            self._activity.expect(acceptance.turn_id, event.scope, message.address)

    async def _is_new(self, message: SlackMessage, thread_ts: str) -> bool:
        return await self._threads.join(message.team, message.channel, thread_ts)
