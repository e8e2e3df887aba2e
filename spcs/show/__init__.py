"""What a user sees. The only room that prints: talk on stderr, data on stdout."""
