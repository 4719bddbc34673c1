"""Sealed recordings: the door to ``writer`` and ``reader``; the bytes are in ``layout``."""

from gate.vault.reader import OpenChunks, Scan, SealedReader, scan
from gate.vault.writer import SealedSummary, SealedWriter

__all__ = ["OpenChunks", "Scan", "SealedReader", "SealedSummary", "SealedWriter", "scan"]
