"""What can go wrong, sorted by who must act.

    MembotError
    +-- ModelMistake          the model reads it as a Failed result and tries again
    +-- PersonError           a person reads the sentence and does something else
    |   +-- UnknownAgent, NotAllowed, BadRequest, DocumentRefused
    +-- OperatorError         whoever runs the bot reads it on standard error or in doctor
    |   +-- BadSettings, StoreUnavailable, AlreadyRunning, ArchiveRefused, ModelUnavailable
    |       +-- ContextOverflow
    +-- DeliveryError         the outbox decides: later, or never
    |   +-- DeliveryDelayed, DeliveryRefused
    +-- Conflict              our own bookkeeping: somebody else was first
        +-- StaleTurn, StaleBlock, StaleDocument

The docstring of a class is its default sentence; the cause is kept with ``from``.
"""

import inspect


class MembotError(Exception):
    """Something went wrong."""

    def __init__(self, sentence: str | None = None) -> None:
        self.sentence = sentence or inspect.cleandoc(type(self).__doc__ or "")
        super().__init__(self.sentence)


class ModelMistake(MembotError):
    """The call could not be carried out."""


class PersonError(MembotError):
    """That did not work."""


class UnknownAgent(PersonError):
    """There is no such agent; `membot agents` lists them."""


class NotAllowed(PersonError):
    """Only an admin may do that."""


class BadRequest(PersonError):
    """That request was not understood."""


class DocumentRefused(PersonError):
    """The file could not be read."""


class OperatorError(MembotError):
    """The bot cannot work as it is set up."""


class BadSettings(OperatorError):
    """A setting has a wrong value."""


class StoreUnavailable(OperatorError):
    """The database cannot be used."""


class AlreadyRunning(OperatorError):
    """Another membot is using this database; stop it first or name another file."""


class ArchiveRefused(OperatorError):
    """The archive cannot be read, and nothing was changed."""


class ModelUnavailable(OperatorError):
    """The language model cannot be reached right now."""


class ContextOverflow(ModelUnavailable):
    """The request is larger than the model's context window."""


class DeliveryError(MembotError):
    """The reply was not delivered."""


class DeliveryDelayed(DeliveryError):
    """The platform cannot take the reply now.

    Args:
        sentence: What the platform said.
        retry_after_seconds: Its own wish, when it named one.
    """

    def __init__(self, sentence: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after_seconds = retry_after_seconds


class DeliveryRefused(DeliveryError):
    """The platform will never take this reply."""


class Conflict(MembotError):
    """Somebody else was first."""


class StaleTurn(Conflict):
    """The turn has ended or was cancelled meanwhile."""


class StaleBlock(Conflict):
    """The block has changed since it was read."""


class StaleDocument(Conflict):
    """The document was removed while it was being read; load it again."""
