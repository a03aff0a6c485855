"""Takes a file that a person sent from where the platform keeps it, within a bound of bytes."""

from collections.abc import Mapping
from http import HTTPStatus

import aiohttp

from engine.documents import size_text
from engine.errors import BadRequest, DeliveryDelayed

_GONE = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.GONE,
    HTTPStatus.FOUND,  # to a page for people to log in, which is not the file
}


async def download(
    session: aiohttp.ClientSession,
    url: str,
    limit_bytes: int,
    *,
    headers: Mapping[str, str] | None = None,
    proxy: str | None = None,
) -> bytes:
    """The bytes at an address; redirections are not followed, lest a token goes with them.

    Raises:
        BadRequest: It is larger than the limit, or not there for us.
        DeliveryDelayed: The platform does not hand it over now.
    """
    try:
        async with session.get(url, headers=headers, proxy=proxy, allow_redirects=False) as answer:
            if answer.status in _GONE:
                raise BadRequest("The platform did not hand over the file; please send it again.")
            answer.raise_for_status()
            content = bytearray()
            while len(content) <= limit_bytes and (more := await answer.content.readany()):
                content += more
    except (aiohttp.ClientError, TimeoutError) as error:
        raise DeliveryDelayed("The platform did not hand over the file; try again.") from error
    if len(content) > limit_bytes:
        raise BadRequest(f"The file is larger than {size_text(limit_bytes)}.")
    return bytes(content)
