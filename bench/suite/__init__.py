"""The suite file: its schema, and reading it with messages that name file, line and field."""
