"""One database file: connections, migrations and a file a noun."""
