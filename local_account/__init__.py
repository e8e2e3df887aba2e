"""A Snowflake account on the user's own machine, reached over HTTP by the ordinary connector."""
