"""The discord_bot adapter."""
