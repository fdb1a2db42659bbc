"""Pure rules: states, requests, scoring, selection, pricing. Nothing here reads a clock, a file or a row."""
