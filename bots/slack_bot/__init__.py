"""The slack_bot adapter."""
