"""Reads files of people in a process of its own; what a hostile file breaks is not the bot."""
