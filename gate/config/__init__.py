"""The configuration: one strict TOML file.

- ``schema``    the sections: frozen structs, their keys and defaults; ``Config`` is the whole file; ``office``: those
                about people and papers
- ``load``      ``load(path) -> Config``: every fault of the file in one ``ConfigError``, with line, key and what to do;
                every value with where it came from (``dialgate config show``)
- ``rules``     what types cannot say: numbers, addresses, hours, dates, letters, mail, tokens; the firm complete,
                storage in the UK
- ``call_rules``  the same for callers, dial prefixes, the purpose header and the carriers; IPv4 and IPv6
- ``optional``  optional sections, and their rules: calls in, recordings from elsewhere (files, SIPREC), an edge in
                front, the store on PostgreSQL
- ``faults``    what a section and a fault are, and the checks that all share; spellings of addresses and hours; which
                line of the file a key stands on
- ``policy``    when the firm's policy was last reviewed, and what is set beyond it
- ``secrets``   passwords and tokens, by file or environment, never in the configuration itself
- ``write``     a new configuration with its folders (``dialgate init``); imported by name, for it needs tomlkit

Secrets are never in the file: it names the files (or ``env:NAME``) that hold them.
"""

from __future__ import annotations

from gate.config.faults import Section as Section
from gate.config.load import Origin as Origin
from gate.config.load import authority_due as authority_due
from gate.config.load import load as load
from gate.config.load import origins as origins
from gate.config.office import Authority as Authority
from gate.config.office import Bucket as Bucket
from gate.config.office import Letters as Letters
from gate.config.office import Log as Log
from gate.config.office import Mail as Mail
from gate.config.office import Privacy as Privacy
from gate.config.office import Provider as Provider
from gate.config.office import Requests as Requests
from gate.config.office import Roles as Roles
from gate.config.office import Webhook as Webhook
from gate.config.office import Witness as Witness
from gate.config.optional import CallIn as CallIn
from gate.config.optional import CallsIn as CallsIn
from gate.config.optional import Edge as Edge
from gate.config.optional import Ingest as Ingest
from gate.config.optional import Siprec as Siprec
from gate.config.optional import Store as Store
from gate.config.optional import server_of as server_of
from gate.config.policy import departures as departures
from gate.config.policy import in_clear as in_clear
from gate.config.policy import reminders as reminders
from gate.config.policy import review_due as review_due
from gate.config.policy import undecided as undecided
from gate.config.schema import Account as Account
from gate.config.schema import Announcement as Announcement
from gate.config.schema import Calling as Calling
from gate.config.schema import Config as Config
from gate.config.schema import Control as Control
from gate.config.schema import DialPrefix as DialPrefix
from gate.config.schema import Duty as Duty
from gate.config.schema import Emergency as Emergency
from gate.config.schema import Firm as Firm
from gate.config.schema import Hep as Hep
from gate.config.schema import Instigator as Instigator
from gate.config.schema import Limits as Limits
from gate.config.schema import MediaConfig as MediaConfig
from gate.config.schema import Pbx as Pbx
from gate.config.schema import PurposeHeader as PurposeHeader
from gate.config.schema import Recording as Recording
from gate.config.schema import Registers as Registers
from gate.config.schema import Retention as Retention
from gate.config.schema import Sip as Sip
from gate.config.schema import Storage as Storage
from gate.config.schema import Token as Token
from gate.config.schema import Traces as Traces
from gate.config.schema import Trunk as Trunk
from gate.config.secrets import HASHES as HASHES
from gate.config.secrets import half_digests as half_digests
from gate.config.secrets import kept_password as kept_password
from gate.config.secrets import kept_token as kept_token
from gate.config.secrets import read_secret as read_secret
from gate.config.secrets import token_hash as token_hash
