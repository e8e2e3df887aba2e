"""The HTTP face of the account, as the connectors know it: one file a group of routes."""
