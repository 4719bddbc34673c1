"""Dialgate: the gate between a firm's phones and its carrier.

Map, from the ground floor up (an import goes down, never up or sideways):

- ``gate.core``      the rules, as pure functions: no clock, file, socket, thread or randomness
- ``gate.errors``    the errors, each with a hint and an exit code
- ``gate.ports``     the interfaces of line, loop, media and recorder; ``gate.config``, ``gate.clock``
- ``gate.handed_over_file``  files handed over to be read; ``gate.registers.import_process``: a process that ends with
  its parent
- ``gate.manual``    the manual's pages, read with ``dialgate manual`` and in the console
- ``gate.converting``  JSON values to types, in a process of many threads
- ``gate.types``     types that many modules share
- ``gate.durable``   files that appear whole or not at all, and names in a folder that outlast a power cut; files below
  a folder, by names that come from elsewhere
- ``gate.outgoing``  one HTTP request to another program, bounded in time and size
- ``gate.showing``   texts as people read them: one line, times of London, telephone numbers, whole or hidden in part
- ``gate.g711``      µ-law and A-law by table
- ``gate.sqlite_thread``  a SQLite database that one thread owns, with group commit
- ``gate.log``       loggers that cost nothing until a line is written
- ``gate.store`` (evidence) and ``gate.vault`` (keys, sealed recordings), blind to each other
- above them, blind to each other: ``sip`` and ``media`` (the only packages that know sippy and rtp.io), ``recorder``,
  ``registers``, ``audit``, ``exports``, ``edge``, ``softphone``
- ``gate.calls``   the call path
- ``gate.operations``  every request that people can make to the gate, a package for each subject
- ``gate.control``   HTTP over a Unix socket, for console and command line
- ``gate.daemon``    the running gate, put together; ``gate.client``, beside it: what runs with the person who asks
- ``gate.traces``    traces of calls (OpenTelemetry), where the configuration asks for them
- ``gate.cli``       the command line
"""
