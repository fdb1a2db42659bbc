"""Rows: what vidpipe knows. PostgreSQL only."""
