"""Where the bot takes part, kept for as long as a test wants."""


class KeptThreads:
    def __init__(self):
        self.known = set()

    async def engage_thread(self, thread, at):
        new = thread not in self.known
        self.known.add(thread)
        return new

    async def is_engaged(self, thread):
        return thread in self.known
