"""The vault: keys, sealed recordings, and what remains when a key is shredded.

Map, from the bottom up:

- ``files``       files that appear whole or not at all, 0600, in folders 0700; sealed files removed, and looked for
                  again; text forms of bytes and times
- ``publickey``   a recipient: a public key, whose it is and what it is for
- ``keyfile``     the private half, protected by a passphrase, kept off the gate
- ``wrap``        a recording's key, closed to recipients (HPKE with X-Wing: ML-KEM-768 with X25519), whole or in two
                  shares; proof that a wrap opens, checked without any key
- ``layout``      the sealed format, byte by byte
- ``sealer``      gives the recorder a fresh key, wrapped, and the file that it seals, a chunk at a time
- ``reader``      reads a sealed file, with wraps and private keys or without; finds every change
- ``keystore``    wrapped keys on disk, apart from the audio; shredding them is the erasure
- ``sealed_files``  where sealed files lie: the folder, and the bucket; sent, fetched and removed one at a time
- ``bucket``      the bucket (S3): asked where it lies, read back, locked, emptied of every version
- ``recipients``  the register of them: whom recordings are sealed to, to whom exports may go
- ``keyring``     the register and the wrapped keys together, for operations
- ``signing``     the gate's Ed25519 key, and C2SP signed notes

What it promises. A stolen gate reads nothing that it recorded: it holds public keys only, and a recording's own key
lives in memory until the recording is closed. No byte of a sealed file can be changed, moved, added or taken away
unseen. When the wraps are shredded the recording cannot be opened with every private key there is. Where recordings
take two people (``recording.two_person``), one key opens none of them, and no number of keys of one half does.

What it does not promise. Python cannot wipe memory: a key may linger in the process until it ends. Shredding leaves
nothing in any file, but what a drive or a copying file system keeps of overwritten blocks is beyond a program. Whoever
may write into the folder of recipients can have new recordings wrapped to a key of their own: the folder is 0700, and
every recipient is a fact in the evidence log to compare it with.
"""
