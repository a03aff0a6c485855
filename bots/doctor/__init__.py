"""Checks of the set-up, one kind of thing a file; each check names its fix."""
