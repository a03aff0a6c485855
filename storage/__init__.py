"""The engine's Store on SQLite; knows no language model and no prompt."""
