"""Sentences that people read when the model has none; one file, ready to be translated."""

BUSY = "I have more messages waiting than I can answer; please try again in a few minutes."
SILENT = "I could not find an answer to that; please ask in other words."
REMINDER = "You asked me to come back to this: {reason}"
STUCK = "I went round in circles on that and stopped; please ask in other words."
SET_ASIDE = "I failed at this several times and have set it aside; please ask again."
PRESSURE = "memory {percent} %"
PIN, LET_GO = "Pin", "Let go"
MODEL_UNAVAILABLE = (
    "I can't reach my language model right now (id {error_id}). "
    "Your message is kept; please try again in a moment."
)
WHOSE = {"person": "Your", "room": "This room's", "tenant": "This workspace's"}
LITTLE_LEFT = "{percent} % left of {whose} tokens for today; they start anew at {until}."
USED_UP = "{whose} {limit:,} tokens for today are used up; please ask again from {until} on."
TOO_FAST = "{whose} {limit} messages a minute are used up; please ask again in {seconds} s."
FAILED = "Something went wrong on my side (id {error_id}). Your message is kept; please try again."
READING = "reading {name}"
READING_PAGE = "reading {name}, page {page} of {pages}"
USING = "using {tools}"
STOPPED = "Stopped."
NO_FILE = "I could not send the file {name} here; ask me for its text, or an admin for the right."
UNREAD = "I have not read the file: nothing is to be learned here right now."
