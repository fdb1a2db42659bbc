"""The execution report of a film: as JSON, as a page a person likes to read, and as a folder with its clips."""

from vidpipe.report.bundle import Bundle, write
from vidpipe.report.collect import collect
from vidpipe.report.document import document
from vidpipe.report.page import page

__all__ = ["Bundle", "collect", "document", "page", "write"]
