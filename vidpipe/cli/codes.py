"""The exit codes of every command. They are a promise to scripts: add, never change."""

from __future__ import annotations

DONE = 0
UNFINISHED = 1
BAD_INPUT = 2
WAITS = 3
DEFECT = 70  # EX_SOFTWARE of sysexits.h
INTERRUPTED = 130  # 128 + SIGINT
READER_GONE = 141  # 128 + SIGPIPE
TERMINATED = 143  # 128 + SIGTERM

EPILOG = """\
exit codes:
    0  done
    1  the film has not come to its end: it failed, was cancelled, or the cluster broke off
       (`cluster status`: none runs)
    2  the input or the setup can't be used; what is wrong, where, and what to do is on stderr
    3  the film waits for a person, or is paused
   70  a defect in vidpipe; where the details were written is on stderr
  130  interrupted with Ctrl-C (143: terminated); nothing is lost
"""
