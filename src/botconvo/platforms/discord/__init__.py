"""Discord: its channels, threads and direct messages as places to talk in."""
