"""The read API under `/api`: what Mailroom knows of a team, for programs with a token of that team."""
