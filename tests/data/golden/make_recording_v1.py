"""Made ``recording-v1.dgr``; the salt is random, so that a new run gives other bytes. Data key: the bytes 0 to 31."""

from pathlib import Path

from gate.vault.sealer import SealedWriter

if __name__ == "__main__":
    header = {"recording_id": "golden", "key_id": "golden-key", "opened": "2026-01-05T09:00:00Z"}
    writer = SealedWriter(Path(__file__).with_name("recording-v1.dgr"), header, bytes(range(32)))
    writer.write_chunk(b"first second")
    writer.write_chunk(b"second second")
    writer.close({"seconds": 2.0})
