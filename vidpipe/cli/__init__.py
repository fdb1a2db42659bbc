"""The command line: one module a command, chosen by main.py, which loads no other.

main.py      which command, and what becomes of an error
codes.py     exit codes
show.py      what is printed: plain, JSON, never a control character
view.py      a film on a terminal, live; lines.py the same as plain lines
"""
