"""Takes files of messages from where Discord keeps them, and from nowhere else."""

from urllib.parse import urlsplit

import aiohttp
import discord

from bots.adapter import AnswerFile
from bots.downloads import download
from bots.texts import text
from engine.errors import BadRequest

# https://docs.discord.com/developers/reference#signed-attachment-cdn-urls
_HOSTS = {"cdn.discordapp.com", "media.discordapp.net"}
_MOST_FILE_BYTES = 50 * 1024 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=60)


async def fetch_attachment(url: str, limit_bytes: int, api_base_url: str | None) -> bytes:
    """The bytes of an attachment; it needs no token.

    Args:
        url: As the message has it.
        limit_bytes: The most to take.
        api_base_url: Another REST base, whose host may keep files too.

    Raises:
        BadRequest: It is elsewhere, too large, or gone.
        DeliveryDelayed: Discord does not hand it over now.
    """
    host = urlsplit(url).hostname
    if host not in _HOSTS and (api_base_url is None or host != urlsplit(api_base_url).hostname):
        raise BadRequest("That file is not kept by Discord, so it was not read.")
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        return await download(session, url, limit_bytes)


async def attached_file(attachment: discord.Attachment, locale: str) -> AnswerFile:
    """The file that came with a command.

    Raises:
        BadRequest: It is too large, or Discord does not hand it over.
    """
    if attachment.size > _MOST_FILE_BYTES:
        most = _MOST_FILE_BYTES // 1024 // 1024
        raise BadRequest(text(locale, "answer.file_too_large", most=most))
    try:
        content = await attachment.read()
    except (discord.DiscordException, aiohttp.ClientError, OSError) as trouble:
        raise BadRequest(text(locale, "answer.file_gone")) from trouble
    return AnswerFile(name=attachment.filename, content=content)
