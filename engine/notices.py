"""Sentences that people read when the model has none; one file, ready to be translated."""

BUSY = "I have more messages waiting than I can answer; please try again in a few minutes."
SILENT = "I could not find an answer to that; please ask in other words."
REMINDER = "You asked me to come back to this: {reason}"
STUCK = "I went round in circles on that and stopped; please ask in other words."
SET_ASIDE = "I failed at this several times and have set it aside; please ask again."
MODEL_UNAVAILABLE = (
    "I can't reach my language model right now (id {error_id}). "
    "Your message is kept; please try again in a moment."
)
FAILED = "Something went wrong on my side (id {error_id}). Your message is kept; please try again."
