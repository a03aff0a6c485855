"""Who is an admin; pure."""

from collections.abc import Collection


def is_admin(principal: str | None, admins: Collection[str]) -> bool:
    """Whether a person is among the admins, by their key or by one for every server.

    Args:
        principal: e.g. ``discord:111/222``; None when nobody speaks.
        admins: Keys of MEMBOT_ADMINS; ``discord:*/222`` names a person in every server.
    """
    if principal is None:
        return False
    platform, _, rest = principal.partition(":")
    everywhere = f"{platform}:*/{rest.partition('/')[2]}"
    return principal in admins or everywhere in admins
