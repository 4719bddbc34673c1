"""The CRM's contacts, and files screened in bulk.

- ``contacts``         contacts kept, and screened again when a list changes; ``contact_desk``: how people ask
- ``contact_import``   reads a list (``contact_file``); ``contact_ids`` names a contact without its number
- ``contact_states``   what a screening changes; ``contact_room``: their parts, put together by ``assembly``
- ``screen_file``      a CRM file screened, and ``screening_log``: what the log keeps of it;
                       ``sheet`` reads any CSV without losing a byte
- ``bulk_screen``      columns of numbers decided by ``core.screening.decide``; ``readings``: many numbers read at once;
                       ``screening``: what that needs of a data folder, beside a gate that runs or not
"""
